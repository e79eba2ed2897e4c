"""An OCI image layout: which image a tag names, its root file system and its defaults.

Layers are applied by umoci; the config blob is read here, because a runtime bundle no longer tells
entrypoint and command apart (OCI image-spec v1.1, config.md and image-layout.md)."""

import json
import os

from tool import Fail, debian_arch, run

REF = "org.opencontainers.image.ref.name"
INDEX = ("application/vnd.oci.image.index.v1+json",
         "application/vnd.docker.distribution.manifest.list.v2+json")
GO_ARCH = {"armhf": "arm"}


def blob(layout, descriptor):
    """A JSON blob of the layout."""
    kind, _, digest = descriptor["digest"].partition(":")
    if not (kind.isalnum() and digest.isalnum()):
        raise Fail(f"{layout}: bad digest {descriptor['digest']}")
    with open(os.path.join(layout, "blobs", kind, digest), encoding="utf-8") as file:
        return json.load(file)


def pick(layout, tag):
    """The descriptor that the tag names; without a tag the only one, or `latest`."""
    with open(os.path.join(layout, "index.json"), encoding="utf-8") as file:
        entries = json.load(file)["manifests"]
    names = [e.get("annotations", {}).get(REF, "") for e in entries]
    want = tag or ("latest" if "latest" in names else names[0] if len(names) == 1 else None)
    if want not in names:
        raise Fail(f"{layout}: no tag {want or ''} (tags: {' '.join(names) or 'none'})")
    return want, entries[names.index(want)]


def config_of(layout, tag, arch):
    """(tag, defaults of the image)."""
    tag, entry = pick(layout, tag)
    if entry.get("mediaType") in INDEX:
        want = GO_ARCH.get(debian_arch(arch), debian_arch(arch))
        fits = [m for m in blob(layout, entry)["manifests"]
                if m.get("platform", {}).get("architecture") == want]
        if not fits:
            raise Fail(f"{layout}: {tag} has no image for {want}")
        entry = fits[0]
    raw = blob(layout, blob(layout, entry)["config"]).get("config") or {}
    return tag, {"Entrypoint": raw.get("Entrypoint"), "Cmd": raw.get("Cmd"),
                 "Environment": raw.get("Env"), "User": raw.get("User"),
                 "WorkingDir": raw.get("WorkingDir"), "StopSignal": raw.get("StopSignal"),
                 **health_of(raw.get("Healthcheck"))}


def health_of(check):
    """The defaults of a HEALTHCHECK: the words of its Test, its times in nanoseconds."""
    test = (check or {}).get("Test") or []
    if not test:
        return {}
    found = {"HealthCmd": "none" if test[0] == "NONE" else json.dumps(test, ensure_ascii=False)}
    for key, name in ("Interval", "HealthInterval"), ("Timeout", "HealthTimeout"), \
            ("StartPeriod", "HealthStartPeriod"):
        if check.get(key):
            found[name] = f"{check[key] // 1000}us"
    if check.get("Retries"):
        found["HealthRetries"] = str(check["Retries"])
    return found


def unpack(layout, tag, bundle):
    """Applies the layers; the root is the folder rootfs of the bundle."""
    run(["umoci", "unpack", "--image", f"{layout}:{tag}", bundle])
    return os.path.join(bundle, "rootfs")
