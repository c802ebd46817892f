"""What the tests of several rooms share: sound files, small decoders, programs that are ended."""
