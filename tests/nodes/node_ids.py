"""The ids of the nodes, as saved workflows hold them."""

NODE_IDS = [
    "AdaINModelLoader",
    "AdaINStylize",
    "AdaINStylizeVideo",
    "AdaINEncodeContent",
    "AdaINEncodeStyle",
    "AdaINBlend",
    "AdaINMasked",
    "AdaINDecode",
    "AdaINAlphaKeyframes",
    "AdaINColorPreserve",
    "AdaINSaveStyle",
    "AdaINLoadStyle",
    "AdaINSampleImage",
    "AdaINRefine",
]
