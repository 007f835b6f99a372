"""Stylizing images of any size: coarse to fine in passes, each tile by tile."""
