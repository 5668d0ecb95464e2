"""The tokens of a text of Python: the compiler does not give them away."""


class TokenizerIter:
    def __init__(self, *args, **kwargs):
        raise NotImplementedError("tokenize: a virtual board cannot take Python text apart")
