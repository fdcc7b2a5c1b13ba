"""The native plugins that run a network on a clip, one small module each."""
