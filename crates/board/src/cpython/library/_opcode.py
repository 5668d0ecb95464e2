"""What `dis` asks about instructions: nothing is known of the interpreter's."""


def _no(op):
    return False


is_valid = has_arg = has_const = has_name = has_jump = has_free = has_local = has_exc = _no


def stack_effect(op, arg=None, *, jump=None):
    raise ValueError("invalid opcode or oparg")


def get_executor(*, code, offset):
    return None


def _none():
    return []


get_intrinsic1_descs = get_intrinsic2_descs = get_special_method_names = get_nb_ops = get_specialization_stats = _none
