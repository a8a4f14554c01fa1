"""A key goes to the partition where the library itself, and so every other client, would put it."""

from aiokafka.partitioner import DefaultPartitioner
from aiokafka.partitioner import murmur2 as of_the_library
from hypothesis import given
from hypothesis import strategies as st

from shared.runtime.messaging.broker.partitioner import choose_partition, murmur2


@given(st.binary(max_size=80))
def test_i4_a_key_has_the_librarys_hash(key: bytes) -> None:
    assert murmur2(key) == of_the_library(key)


@given(st.binary(max_size=40), st.integers(1, 12))
def test_i4_a_key_has_the_librarys_partition(key: bytes, partitions: int) -> None:
    every = list(range(partitions))
    assert choose_partition(key, every, every) == DefaultPartitioner()(key, every, every)


def test_without_a_key_any_partition_with_a_leader_will_do() -> None:
    assert choose_partition(None, [0, 1, 2], [1]) == 1
    assert choose_partition(None, [0], []) == 0
