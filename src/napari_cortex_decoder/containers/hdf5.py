"""HDF5 files from anywhere: whatever is read of one lies in it, and is no larger than it says.

`opened` gives h5py's own groups and datasets, which follow links inside the file and refuse, by
name, what lies in another one: external links, external storage, virtual datasets.
"""

from __future__ import annotations

import math
import posixpath
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from napari_cortex_decoder import child
from napari_cortex_decoder.containers.hdf5_texts import Content
from napari_cortex_decoder.containers.packed import DEFLATE_RATIO, check_packed
from napari_cortex_decoder.errors import CortexDecoderError, RecordingError, UnclearMovieError

# HDF5's numbers of filters that unpack whatever comes: registered ones at
# https://github.com/HDFGroup/hdf5_plugins/blob/master/docs/RegisteredFilterPlugins.md
_FILTERS = {1: "gzip", 307: "bz2", 32001: "blosc", 32015: "zstd"}
_HARMLESS_CHUNK = 2**13
_HARMLESS = 2**26
_MOST_LINKS = 16
_REHEARSAL = 2**30
_DEPTH = 32
_SAME_FILE = "."


class _Source:
    """The file that groups and datasets are of, and what they say of other files."""

    def __init__(self, path: Path, content: Content, error: Callable[[str], Exception]) -> None:
        self.path = path
        self.content = content
        self.error = error
        self.outside: list[str] = []
        self._rehearsed: set[tuple[str, ...]] = set()

    def rehearse(self, *member: str) -> None:
        """Read a dataset, or an attribute, where the room that its texts claim is bounded."""
        if member not in self._rehearsed:
            what = "an HDF5 file"
            child.call(_read, self.path, *member, what=what, error=self.error, memory=_REHEARSAL)
            self._rehearsed.add(member)

    def refusal(self, member: str, where: str) -> str:
        return f"{self.path}: {member} lies in {where}, which is not opened; copy it into this one."


class _Attributes(h5py.AttributeManager):  # type: ignore[misc]
    """Attributes that hold no more than a description needs."""

    def __init__(self, parent: Any, source: _Source) -> None:
        super().__init__(parent)
        self._parent, self._source = parent, source

    def __getitem__(self, name: Any) -> Any:
        """Read one."""
        told, content = self.get_id(name), self._source.content
        texts = math.prod(told.shape or ()) * content.texts(told.dtype)
        if texts and not content.check_attribute(self._parent, name, told.dtype):
            self._source.rehearse(self._parent.name, name)
        return content.taken(partial(super().__getitem__, name), texts)


class Group(h5py.Group):  # type: ignore[misc]
    """A group that leads nowhere but into its own file."""

    def __init__(self, bound: Any, source: _Source) -> None:
        super().__init__(bound)
        self._source = source

    @property
    def outside(self) -> list[str]:
        """A sentence for each member, among those looked at, that lies in another file."""
        return self._source.outside

    @property
    def attrs(self) -> _Attributes:
        """What it says of itself."""
        return _Attributes(self, self._source)

    @property
    def parent(self) -> Group:
        """The group that holds this one."""
        return _parent(self)

    def __getitem__(self, name: Any) -> Any:
        """Return a member, or what a reference refers to."""
        if isinstance(name, h5py.Reference):
            return _guarded(h5py.Group.__getitem__(self, name), self._source)
        return _reached(self, str(name), _MOST_LINKS)

    def get(self, name: Any, default: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Return a member, or `default` if there is none."""
        if args or kwargs:
            return super().get(name, default, *args, **kwargs)
        try:
            return self[name]
        except KeyError:
            return default

    def own(self, name: str) -> Any:
        """Return a member, None if there is none or, as `outside` tells, it is elsewhere."""
        try:
            return self.get(name)
        except CortexDecoderError as elsewhere:
            self._source.outside.append(str(elsewhere))
            return None

    def __contains__(self, name: object) -> bool:
        """Whether there is such a member, if only as a link to another file."""
        try:
            self[name]
        except KeyError:
            return False
        except CortexDecoderError:
            return True
        return True

    def visititems(self, func: Callable[[str, Any], Any]) -> Any:
        """Call `func` with each member at any depth, once, soft links inside the file included."""
        seen = {_address(self)}

        def walk(group: Group, prefix: str, depth: int) -> Any:
            for name in group:
                item = group.own(name)
                if item is None or _address(item) in seen:  # a link to nowhere, or a second one
                    continue
                seen.add(_address(item))
                told = func(prefix + name, item)
                if told is None and isinstance(item, Group) and depth < _DEPTH:
                    told = walk(item, f"{prefix}{name}/", depth + 1)
                if told is not None:
                    return told
            return None

        return walk(self, "", 1)


class Dataset(h5py.Dataset):  # type: ignore[misc]
    """A dataset of which nothing is unpacked or allocated before it is looked at."""

    def __init__(self, bound: Any, source: _Source) -> None:
        super().__init__(bound, readonly=True)
        self._source = source

    @property
    def attrs(self) -> _Attributes:
        """What it says of itself."""
        return _Attributes(self, self._source)

    @property
    def parent(self) -> Group:
        """The group that holds it."""
        return _parent(self)

    def __getitem__(self, index: Any, *args: Any, **kwargs: Any) -> Any:
        """Read a part, or all of it."""
        if self.shape is None:
            return super().__getitem__(index, *args, **kwargs)
        parts = index if isinstance(index, tuple) else (index,)
        whole = all(part is Ellipsis or part == slice(None) for part in parts)
        self._check(parts, whole)
        content, read = self._source.content, partial(super().__getitem__, *args, **kwargs)
        texts = content.texts(self.dtype)
        if texts and not content.check_dataset(self):
            self._source.rehearse(self.name)
        if whole and texts and self.shape:
            return content.rows(read, self.shape, texts)
        return content.taken(partial(read, index), texts * _most(parts, self.shape))

    def __array__(self, dtype: Any = None, copy: bool = True) -> Any:
        """Read all of it."""
        return np.asarray(self[()], dtype)

    def _check(self, index: tuple[Any, ...], whole: bool) -> None:
        itemsize = self.dtype.itemsize
        chunk = math.prod(self.chunks) * itemsize if self.chunks else 0
        if whole:
            claimed = max(self.size * itemsize, chunk)
            held = min(self.id.get_storage_size(), self._source.path.stat().st_size)
            if claimed > max(_HARMLESS, held * DEFLATE_RATIO):
                raise self._source.error(
                    f"{self._source.path}: {self.name} claims {claimed / 1e9:.3g} GB, more than "
                    f"its {held} bytes can hold; copy the file again."
                )
        codec = _compression(self)
        if not codec:
            return
        for corner in self._stored_corners() if whole else _chunk_corners(self, index):
            stored = self.id.get_chunk_info_by_coord(corner)
            # of what is stored in few bytes not much can come, whatever it claims
            if stored.byte_offset is not None and stored.size > _HARMLESS_CHUNK:
                packed = self.id.read_direct_chunk(corner)[1]
                check_packed(self._source.path, packed, codec, chunk, self._source.error)

    def _stored_corners(self) -> list[tuple[int, ...]]:
        large: list[tuple[int, ...]] = []

        def look(chunk: Any) -> None:
            if chunk.size > _HARMLESS_CHUNK:
                large.append(chunk.chunk_offset)

        self.id.chunk_iter(look)
        return large


@contextmanager
def opened(path: Path, error: Callable[[str], Exception] = RecordingError) -> Iterator[Group]:
    """Open an HDF5 file for reading, and return its root.

    `error` makes the exception of a sentence. A refusal of what is done with the file also tells a
    member that lies in another one.
    """
    if not path.stat().st_size:
        raise error(f"{path}: the file is empty (0 bytes); copy it again.")
    if not h5py.is_hdf5(path):
        raise error(f"{path}: this is no HDF5 file, whatever its name says; export it again.")
    with Content(path, error) as content, h5py.File(content, "r") as file:
        source = _Source(path, content, error)
        try:
            yield Group(h5py.h5g.open(file.id, b"/"), source)
        except UnclearMovieError:
            raise
        except CortexDecoderError as refusal:
            if source.outside:
                also = source.outside[0].removeprefix(f"{path}: ")
                if also in str(refusal):
                    raise
                raise error(f"{str(refusal).rstrip('.')}; {also}") from refusal
            raise


def _read(path: Path, *member: str) -> None:
    """Read a dataset, or an attribute of an object, as HDF5 does without us."""
    with h5py.File(path, "r") as file:
        item = file[member[0]]
        _ = item.attrs[member[1]] if len(member) > 1 else item[()]


def _parent(item: Any) -> Group:
    return _root(item, item._source)[posixpath.dirname(item.name)]  # type: ignore[no-any-return]


def _address(item: Any) -> tuple[int, int]:
    told = h5py.h5o.get_info(item.id)
    return told.fileno, told.addr


def _reached(group: Group, name: str, links: int) -> Any:
    """Walk a path link by link, so that none of them can lead out of the file unseen."""
    source = group._source
    here: Any = _root(group, source) if name.startswith("/") else group
    for part in (part for part in name.split("/") if part not in ("", ".")):
        if not isinstance(here, Group):
            raise KeyError(f"{here.name} is no group, so there is no {part!r} in it")
        raw = part.encode("utf-8", "surrogateescape")
        if not here.id.links.exists(raw):
            raise KeyError(f"there is no {part!r} in {here.name}")
        kind = here.id.links.get_info(raw).type
        place = posixpath.join(str(here.name), part)
        if kind == h5py.h5l.TYPE_HARD:
            here = _guarded(h5py.Group.__getitem__(here, part), source)
        elif kind == h5py.h5l.TYPE_SOFT and links:
            target = here.id.links.get_val(raw).decode("utf-8", "surrogateescape")
            here = _reached(here, target, links - 1)
        elif kind == h5py.h5l.TYPE_EXTERNAL:
            where = here.id.links.get_val(raw)[0].decode("utf-8", "surrogateescape")
            raise source.error(source.refusal(place, f"the file {where!r}"))
        else:
            raise KeyError(f"{place} is a link that leads nowhere")
    return here


def _root(item: Any, source: _Source) -> Group:
    return Group(h5py.h5g.open(h5py.h5i.get_file_id(item.id), b"/"), source)


def _guarded(item: Any, source: _Source) -> Any:
    if isinstance(item, h5py.Group):
        return Group(item.id, source)
    if not isinstance(item, h5py.Dataset):
        return item
    _refuse_elsewhere(item, source)
    return Dataset(item.id, source)


def _refuse_elsewhere(item: Any, source: _Source) -> None:
    """Refuse a dataset whose values are in other files, or are made of such ones."""
    if item.external:
        raise source.error(source.refusal(str(item.name), f"the file {item.external[0][0]!r}"))
    if not item.is_virtual:
        return
    root = _root(item, source)
    for made_of in item.virtual_sources():
        if made_of.file_name != _SAME_FILE:
            where = f"the file {made_of.file_name!r}"
            raise source.error(source.refusal(str(item.name), where))
        root[made_of.dset_name]  # may be virtual itself


def _most(index: tuple[Any, ...], shape: tuple[int, ...]) -> int:
    """Return how many elements an index takes at the most."""
    if len(index) > len(shape) or any(part is Ellipsis for part in index):
        return math.prod(shape)
    taken = [
        len(range(length)[part])
        if isinstance(part, slice)
        else 1
        if isinstance(part, int)
        else length
        for part, length in zip(index, shape, strict=False)
    ]
    return math.prod((*taken, *shape[len(index) :]))


def _compression(dataset: Any) -> str:
    """Return the name of a dataset's compression that needs looking at; empty if it has none."""
    properties = dataset.id.get_create_plist()
    codes = [properties.get_filter(i)[0] for i in range(properties.get_nfilters())]
    return next((_FILTERS[code] for code in codes if code in _FILTERS), "")


def _chunk_corners(dataset: Any, index: tuple[Any, ...]) -> Iterator[tuple[int, ...]]:
    """Return the first element of each chunk that an index of slices and numbers touches."""
    ranges = []
    for part, length, chunk in zip(index, dataset.shape, dataset.chunks, strict=False):
        if isinstance(part, int | np.integer):
            part = slice(part, part + 1)
        start, stop, _ = part.indices(length) if isinstance(part, slice) else (0, length, 1)
        ranges.append(range(start // chunk * chunk, stop, chunk))
    rest = dataset.shape[len(index) :], dataset.chunks[len(index) :]
    ranges += [range(0, length, chunk) for length, chunk in zip(*rest, strict=True)]
    return product(*ranges)
