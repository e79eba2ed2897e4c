"""An OCI image layout: which image a tag names, its root file system and its defaults.

Layers are applied by umoci; the config blob is read here, because a runtime bundle no longer tells
entrypoint and command apart (OCI image-spec v1.1, config.md and image-layout.md). Nothing of a layout is
trusted: what is not as the specification has it ends in a Fail that names the file."""

import json
import os

import sidecar
from tool import Fail, debian_arch, run

REF = "org.opencontainers.image.ref.name"
INDEX = ("application/vnd.oci.image.index.v1+json",
         "application/vnd.docker.distribution.manifest.list.v2+json")
GO_ARCH = {"armhf": "arm"}
KINDS = {dict: "an object", list: "a list", str: "a string", int: "a whole number"}
KEYS = {"Entrypoint": "Entrypoint", "Cmd": "Cmd", "Environment": "Env", "User": "User", "WorkingDir": "WorkingDir",
        "StopSignal": "StopSignal"}


class Blob:
    """What a JSON file of the layout holds, which knows where it stands."""

    def __init__(self, path, value, name=""):
        self.path, self.value, self.name = path, value, name

    @staticmethod
    def read(*parts):
        """The JSON file of that path."""
        path = os.path.join(*parts)
        try:
            with open(path, encoding="utf-8") as file:
                return Blob(path, json.load(file)).want(dict)
        except OSError as fault:
            raise Fail(f"{path}: {fault.strerror}") from None
        except (ValueError, RecursionError) as fault:
            raise Fail(f"{path}: not JSON: {fault}") from None

    def bad(self, why):
        """What is wrong with this value, to be raised."""
        return Fail(f"{self.path}: {self.name or 'it'} {why}")

    def want(self, kind):
        """This, when it is of that kind; JSON's true and false are no numbers."""
        if not isinstance(self.value, kind) or isinstance(self.value, bool):
            raise self.bad(f"is not {KINDS[kind]}")
        return self

    def get(self, name, kind):
        """A member of an object; None when it is not there or null."""
        value = self.value.get(name)
        if value is None:
            return None
        return Blob(self.path, value, f"{self.name}.{name}".lstrip(".")).want(kind)

    def need(self, name, kind):
        """A member that must be there."""
        found = self.get(name, kind)
        if found is None:
            raise self.bad(f"has no {name}")
        return found

    def items(self, kind):
        """What a list holds."""
        return [Blob(self.path, v, f"{self.name}[{i}]").want(kind) for i, v in enumerate(self.value)]


def blob(layout, descriptor):
    """A JSON blob of the layout."""
    digest = descriptor.need("digest", str)
    kind, _, name = digest.value.partition(":")
    if not (digest.value.isascii() and kind.isalnum() and name.isalnum()):
        raise digest.bad("is no digest")
    return Blob.read(layout, "blobs", kind, name)


def tag_of(entry):
    """The tag of an entry of the index, or nothing."""
    notes = entry.get("annotations", dict)
    name = notes and notes.get(REF, str)
    return name.value if name else ""


def pick(layout, tag):
    """The descriptor that the tag names; without a tag the only one, or `latest`."""
    entries = Blob.read(layout, "index.json").need("manifests", list).items(dict)
    names = [tag_of(e) for e in entries]
    want = tag or ("latest" if "latest" in names else names[0] if len(names) == 1 else None)
    if want not in names:
        raise Fail(f"{layout}: no tag {want or ''} (tags: {' '.join(names) or 'none'})")
    return want, entries[names.index(want)]


def fits(entry, arch):
    """Whether an entry of an index of architectures is for this one."""
    platform = entry.get("platform", dict)
    name = platform and platform.get("architecture", str)
    return name is not None and name.value == arch


def config_of(layout, tag, arch):
    """(tag, defaults of the image)."""
    tag, entry = pick(layout, tag)
    media = entry.get("mediaType", str)
    if media and media.value in INDEX:
        want = GO_ARCH.get(debian_arch(arch), debian_arch(arch))
        fitting = [m for m in blob(layout, entry).need("manifests", list).items(dict) if fits(m, want)]
        if not fitting:
            raise Fail(f"{layout}: {tag} has no image for {want}")
        entry = fitting[0]
    image = blob(layout, blob(layout, entry).need("config", dict))
    return tag, defaults_of(image)


def defaults_of(image):
    """What the sidecar says, of a config blob."""
    raw = image.get("config", dict)
    if raw is None:
        return {}
    found = {}
    for key, name in KEYS.items():
        value = raw.get(name, list if name in ("Entrypoint", "Cmd", "Env") else str)
        if value is not None:
            found[key] = [v.value for v in value.items(str)] if isinstance(value.value, list) else value.value
    found.update(health_of(raw.get("Healthcheck", dict)))
    try:
        sidecar.render(found)
    except Fail as fault:
        raise raw.bad(f"cannot be kept: {fault}") from None
    return found


def health_of(check):
    """The defaults of a HEALTHCHECK: the words of its Test, its times in nanoseconds."""
    test = check and check.get("Test", list)
    if not test or not test.value:
        return {}
    words = [w.value for w in test.items(str)]
    if not (words[0] == "NONE" or (words[0] == "CMD" and len(words) > 1 and words[1])
            or (words[0] == "CMD-SHELL" and len(words) == 2 and words[1])):
        raise test.bad("is neither NONE, nor CMD and words, nor CMD-SHELL and a line")
    if any("\0" in word for word in words):
        raise test.bad("has a NUL character")
    found = {"HealthCmd": "none" if words[0] == "NONE" else json.dumps(words, ensure_ascii=False)}
    for name in "Interval", "Timeout", "StartPeriod":
        time = check.get(name, int)
        if time is None or time.value == 0:
            continue
        if not 10**6 <= time.value < 2**63:
            raise time.bad("is no time: it is 0 or from a millisecond on, in nanoseconds")
        found[f"Health{name}"] = f"{time.value // 1000}us"
    retries = check.get("Retries", int)
    if retries and retries.value != 0:
        if not 0 < retries.value <= 10**6:
            raise retries.bad("is not from 0 to a million")
        found["HealthRetries"] = str(retries.value)
    return found


def unpack(layout, tag, bundle):
    """Applies the layers; the root is the folder rootfs of the bundle."""
    run(["umoci", "unpack", "--image", f"{layout}:{tag}", bundle])
    return os.path.join(bundle, "rootfs")
