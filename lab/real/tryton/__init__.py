"""The real Tryton 8.2 on SQLite, with spare parts, order points, a bill of materials and stock."""
