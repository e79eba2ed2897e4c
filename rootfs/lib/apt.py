"""Debian packages without installing them: resolved and fetched by apt, unpacked by dpkg-deb.

apt runs on a state folder of its own, so the host's package state is neither read nor changed and
a foreign architecture needs no setting up. What was fetched once is used again without a network:
each request leaves a list of its package files, and while those exist apt is not asked. Another suite
than the host's comes from the host's mirror."""

import fcntl
import hashlib
import os

from tool import ROOT, Fail, build_dir, debian_arch, run

KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Apt:
    """The packages of one architecture, cached under build/cache. suite: None is the host's own."""

    def __init__(self, arch, suite=None):
        self.arch = debian_arch(arch)
        self.suite = suite
        self.cache = build_dir("cache", f"debian-{suite}" if suite else "debian", self.arch)
        self.state = os.path.join(self.cache, "state")

    def fetch(self, packages, closure=True):
        """The .deb files of the packages, with all they depend on unless closure is off."""
        text = " ".join(sorted(packages)) + (" +closure" if closure else "")
        name = hashlib.sha256(text.encode()).hexdigest()[:16] + ".list"

        def ask():
            files = self._closure(packages) if closure else [self._one(p) for p in packages]
            return "\n".join(os.path.relpath(f, self.cache) for f in files)

        files = [os.path.join(self.cache, f) for f in self._remember(name, ask).split()]
        if not all(os.path.exists(f) for f in files):
            os.unlink(os.path.join(self.cache, name))
            return self.fetch(packages, closure)
        return files

    def unpack(self, packages, root, closure=True):
        """Unpacks the packages into a root; their maintainer scripts are not run."""
        for deb in self.fetch(packages, closure):
            run(["dpkg-deb", "-x", deb, root])

    def kernel(self, meta):
        """The real kernel package behind a meta package such as linux-image-cloud-amd64, and those of the same
        version that it is made of: image and modules are apart since Linux 7."""
        def ask():
            images = [n for n in self._depends(meta) if n.startswith("linux-image-")]
            if not images:
                raise Fail(f"package {meta} names no kernel package")
            version = images[0].removeprefix("linux-image")
            return " ".join(images + [n for n in self._depends(images[0]) if n.endswith(version)])

        return self._remember(f"kernel-{meta}", ask).split()

    def _depends(self, package):
        """The names, the first of each choice."""
        shown = self._apt("apt-cache", "show", "--no-all-versions", package)
        lists = [x.removeprefix("Depends:") for x in shown.splitlines() if x.startswith("Depends:")]
        return [word.split()[0] for word in lists[0].split(",")] if lists else []

    def _remember(self, name, ask):
        """The answer kept under a name; only the first asker, one at a time, goes to apt."""
        path = os.path.join(self.cache, name)
        with open(os.path.join(self.cache, "lock"), "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not os.path.exists(path):
                self._update()
                answer = ask()
                with open(path + ".part", "w", encoding="utf-8") as out:
                    out.write(answer + "\n")
                os.rename(path + ".part", path)
            with open(path, encoding="utf-8") as file:
                return file.read().strip()

    def _apt(self, *argv, **options):
        words = {"Dir::State": self.state, "Dir::State::status": self.state + "/status",
                 "Dir::Cache": self.cache, "Dir::Cache::archives": self.cache + "/archives",
                 "APT::Architecture": self.arch, "APT::Architectures": self.arch,
                 "APT::Sandbox::User": "root", "APT::Install-Recommends": "false",
                 "Debug::NoLocking": "true"}
        if self.suite:
            words.update({"Dir::Etc::SourceList": "/dev/null", "Dir::Etc::SourceParts": self.state + "/parts"})
        settings = [f"-o{key}={value}" for key, value in words.items()]
        return run([argv[0], *settings, *argv[1:]], env={**os.environ, "LC_ALL": "C"}, **options)

    def _update(self):
        os.makedirs(self.state + "/lists/partial", exist_ok=True)
        os.makedirs(self.cache + "/archives/partial", exist_ok=True)
        with open(self.state + "/status", "w", encoding="utf-8"):
            pass
        if self.suite:
            mirror = run([ROOT + "/tools/deps", "mirror"]).strip()
            os.makedirs(self.state + "/parts", exist_ok=True)
            with open(self.state + "/parts/suite.list", "w", encoding="utf-8") as file:
                file.write(f"deb [signed-by={KEYS}] {mirror} {self.suite} main\n")
        self._apt("apt-get", "update")

    def _closure(self, packages):
        wanted = self._apt("apt-get", "install", "--simulate", "-y", *packages)
        self._apt("apt-get", "install", "--download-only", "-y", *packages)
        files = []
        for line in wanted.splitlines():
            if line.startswith("Inst "):
                name, version = line.split()[1], line.split("(")[1].split()[0]
                files.append(self._archive(name, version))
        return sorted(files)

    def _one(self, package):
        uri = self._apt("apt-get", "download", "--print-uris", package).split()
        name = uri[1]
        path = os.path.join(self.cache, "archives", name)
        if not os.path.exists(path):
            self._apt("apt-get", "download", package, cwd=self.cache + "/archives")
        return path

    def _archive(self, name, version):
        stem = f"{name.split(':')[0]}_{version.replace(':', '%3a')}_"
        for arch in (self.arch, "all"):
            path = os.path.join(self.cache, "archives", f"{stem}{arch}.deb")
            if os.path.exists(path):
                return path
        raise Fail(f"apt fetched no file for {name} {version}")
