"""Codecs of Chinese, Japanese and Korean text."""

import codecs

import _board_text

LABELS = {
    "gbk": "gbk", "cp936": "gbk", "936": "gbk", "gb2312": "gbk", "euc_cn": "gbk", "gb18030": "gb18030", "big5": "big5",
    "shift_jis": "shift_jis", "sjis": "shift_jis", "cp932": "shift_jis", "euc_jp": "euc-jp", "euc_kr": "euc-kr",
    "cp949": "euc-kr",
}


def search(name):
    label = LABELS.get(name.lower().replace("-", "_"))
    if label is None:
        return None

    def encode(text, errors="strict"):
        data = _board_text.encode(label, text)
        if data is None:
            data = b"".join(_one(place, errors) for place in enumerate(text))
        return data, len(text)

    def _one(place, errors):
        place, character = place
        data = _board_text.encode(label, character)
        if data is None:
            raised = UnicodeEncodeError(name, character, 0, 1, "illegal multibyte sequence")
            data, _ = codecs.lookup_error(errors)(raised)
            data = data if isinstance(data, bytes) else _board_text.encode(label, data)
        return data

    def decode(data, errors="strict"):
        text, wrong = _board_text.decode(label, data)
        if wrong and errors == "strict":
            good = len(_board_text.encode(label, text.partition("\ufffd")[0]) or b"")
            raise UnicodeDecodeError(name, bytes(data), good, good + 1, "illegal multibyte sequence")
        return (text.replace("\ufffd", "") if errors == "ignore" else text), len(data)

    return codecs.CodecInfo(encode, decode, name=name)
