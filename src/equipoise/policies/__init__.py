"""What training leaves behind to be played: policies whose beliefs are networks. They need the extra `local`."""
