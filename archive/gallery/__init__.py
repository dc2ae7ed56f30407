"""The gallery: a page that shows what is in the bucket, and makes it forget."""
