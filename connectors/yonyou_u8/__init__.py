"""The kind yonyou_u8 (用友 U8+ OpenAPI, by the public relay): purchase orders, items, stock."""
