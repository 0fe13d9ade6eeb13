"""The kind yonyou_yonbip (用友 YonBIP / YonSuite public cloud): purchase orders and stock."""
