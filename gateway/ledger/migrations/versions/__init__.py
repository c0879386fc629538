"""The revisions. One that was released is never edited: what is to be different is a new one."""
