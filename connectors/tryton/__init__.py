"""The kind tryton: stock, order points and bills of materials, read over JSON-RPC."""
