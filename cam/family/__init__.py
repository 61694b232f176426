"""The family of class activation maps, by what a method does: see `cam.METHODS` and docs/family.md.

Every function returns the signed map S (B, K, h, w) where its method has one, and what the paper gives where that is
scaled or cut by design; `cam.maps.Maps.raw` applies the ReLU.
"""
