"""The kind kingdee_k3cloud (金蝶云·星空): purchase orders, stock, and bills that are saved, submitted and audited."""
