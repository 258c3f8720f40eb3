"""Makes the inputs that fuzzing starts from: small files of every format, most of them written by the program.

    python3 tests/fuzz/make_corpus.py build/bin/lodestone build/fuzz/seeds

`./run fuzz` minimizes what it finds from them; tests/fuzz/corpus holds the result.
"""

import gzip
import io
import pathlib
import subprocess
import sys
import tempfile
import zlib

import numpy as np

TABLE = (
    'a,b,"c, d",kind,y,z,w,o,g\n'
    "1,2,3,red,4,1,1,0,k\n2,-1,0.5,blue,2,0,2,0.1,k\n3,0,1e-3,red,5,1,1,0.2,l\n"
    '4,,2,"gr""een",1,0,1,0,l\n5,1,7,NA,3,1,0,0,m\n-6,4,9,blue,0,0,1,0.5,m\n'
)
NUMBERS = "a,b,y\n" + "".join(
    f"{i % 5},{(i * 7) % 11},{max(0, i % 5 - 2) * 2 + 0.1 * (i % 3)}\n" for i in range(40)
)


def numpy_bytes(array, version=None):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asanyarray(array), version=version)
    return file.getvalue()


def archive(save=np.savez, **arrays):
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def checkpoint_body(content):
    """The body of a checkpoint, with the fingerprint that the fuzzer asks for."""
    body = content.split(b"\n", 2)[2]
    key = b"\x6bfingerprint"
    at = body.index(key) + len(key)
    head = body[at]
    length, start = (head & 31, 1) if head < 0x78 else (body[at + 1], 2)
    return body[:at] + b"\x64seed" + body[at + start + length :]


def made_by_program(program, folder):
    """Runs the program, and returns inputs by their format."""

    def run(*words, fine=(0,)):
        done = subprocess.run([program, *words], cwd=folder, capture_output=True, text=True)
        if done.returncode not in fine:
            sys.exit(f"failed: {' '.join(words)}\n{done.stderr}")

    (folder / "table.csv").write_text(TABLE)
    (folder / "numbers.csv").write_text(NUMBERS)
    (folder / "classes.csv").write_text(
        NUMBERS.splitlines()[0] + ",kind\n"
        + "".join(f"{line},{'uvw'[i % 3]}\n" for i, line in enumerate(NUMBERS.splitlines()[1:]))
    )
    teacher = "random:d=3,k=2,r=2,seed=1"
    run("train", "--teacher", teacher, "--width", "4", "--out", "population", "--quiet", fine=(0, 3))
    run(*"train --data numbers.csv --target y --width 2 --max-steps 20 --out stopped --quiet".split(), fine=(3,))
    run("train", "--teacher", teacher, "--width", "2", "--max-steps", "5", "--out", "begun", "--quiet", fine=(3,))
    fit = "fit numbers.csv y --quiet --folds 2 --max-features 2 --out"
    run(*f"{fit} plain".split(), fine=(0, 3))
    run(*f"{fit} whitened --standardize whiten".split(), fine=(0, 3))
    run(*f"{fit} smooth --shape smooth".split(), fine=(0, 3))
    run(*"fit classes.csv kind --family softmax --folds 2 --max-features 2 --quiet --out classes".split(), fine=(0, 3))
    run(*"fit numbers.csv a,y --folds 2 --max-features 2 --quiet --out several".split(), fine=(0, 3))
    run(
        *"fit table.csv y --categories one-hot --missing indicator --exclude c,d,g --folds 2".split(),
        *"--test-share 0 --max-features 1 --quiet --out text".split(),
        fine=(0, 2, 3),
    )
    inputs = {}

    def keep(format_name, path, change=lambda content: content):
        if path.exists():
            content = path.read_bytes().replace(bytes(folder), b"/data")
            inputs.setdefault(format_name, []).append(change(content))

    for run_folder in sorted(path for path in folder.iterdir() if path.is_dir()):
        for name in ("model", "network"):
            keep("model", run_folder / f"{name}.json")
        for name in ("curve", "intervals", "teacher", "summary", "origin"):
            keep(name, run_folder / f"{name}.json")
        keep("config", run_folder / "config.toml")
        keep("checkpoint", run_folder / "checkpoint", checkpoint_body)
    return inputs


def made_here():
    rows = np.arange(6.0).reshape(3, 2)
    arrays = [
        rows, rows.T, np.asfortranarray(rows), rows.astype(">f4"), rows.astype("i2"), rows.astype("u8"),
        rows > 2, np.arange(4), np.float64(3), np.array(["a"]), np.array([1j]), rows[:0],
    ]
    table = TABLE.encode()
    network = {"W": rows, "a": np.ones(3), "b": np.ones(3), "alpha": np.ones(1), "beta": np.ones(2)}
    layers = {"0.weight": rows, "0.bias": np.ones(3), "2.weight": np.ones((1, 3)), "2.bias": np.ones(1)}
    scikit = {"coefs_0": rows.T, "coefs_1": np.ones((3, 1)), "intercepts_0": np.ones(3), "intercepts_1": np.ones(1)}
    member = gzip.compress(b"a,b\n1,2\n", mtime=0)
    return {
        "csv": [
            NUMBERS[:60].encode(), b"a;b\n1;2\n3;4\n", b"a\tb\r\n+1\t-2e3\r\n\r\n", b"a|\"b\"\"c\"\n .5|1 \n",
            b"\xef\xbb\xbfx\n1\n2\n", table, b"a,b\n1,\"2\n3\"\n", b"a,b\n1,1e999\n", b"a,b\n1,12%\n", b"a;b\n1;2,5\n",
            b"PAR1\x00", b"\xff\xfea\x00", numpy_bytes(rows), b"y\n1_000\n", b"1,2\n3,4\n", b"a,b\n1,2\n\n3,4\n",
        ],
        "gzip": [member, member + member, member[:-4], member + bytes(16), gzip.compress(numpy_bytes(rows), mtime=0)],
        "dataset": [
            options + content
            for content, choices in (
                (table, (b"@@y", b"G@y", b"E@4", b"EGy", b"CGm", b"IJy", b"Y@k", b"EOy", b"B@y")),
                (b"a,b,y\n1,2,3\n4,5,6\n", (b"@@y", b"@@0", b"@@m", b"@H2")),
                (b"a,kind,y\n1,u,p\n2,v,q\n3,u,p\n,w,r\n", (b"I@y", b"]@y", b"M@2", b"K@1")),
                (numpy_bytes(rows), (b"@@1", b"D@0")),
            )
            for options in choices
        ],
        "converted": [
            b",,\na,b,c\n1,2,x\n3,,y\n", b"\"no, category\",\na,b\n2020-01-01,1\n", b",\na\n1\n", b"\na\n1\n",
        ],
        "npy": [numpy_bytes(array) for array in arrays] + [numpy_bytes(rows, (2, 0)), numpy_bytes(rows, (3, 0))],
        "npz": [
            archive(rows=rows), archive(np.savez_compressed, rows=rows, more=np.arange(3)), archive(**network),
            archive(**layers), archive(np.savez_compressed, **scikit), archive(x=np.arange(3.0)),
        ],
        "teacher": [b'{"directions": [[1, 0], [0.6, 0.8]], "amplitudes": [1, -2]}', b'{"directions": [[3]], "amplitudes": [1e3]}'],
        "checkpoint": [b"lodestone-checkpoint 2\n00000000\n\xa0", b"lodestone-checkpoint 1\n"],
        "config": [
            b'width = 50\nseed = 3\nlambda-end = 1e-3\nteacher = "random:d=3"\nstep = "auto"\n',
            b"exclude = ['a', \"b, c\", 3]\nmissing = 'drop'\nbiases = true\n[table]\nx = {y = [1, [2]]}\n",
            b'data = "a.csv"\ntarget = """y"""\nmax-seconds = inf\n# comment\nepochs.x = 0x1F\n', b"day = 2020-01-01\n",
        ],
        "schedule": [b"1\n0.5 # half\n\n1e-3\r\n0", b"-1\n", b"inf\n", b"# none\n"],
        "names": [b"a,b", b'"a,b", c', b'"a""b"', b"", b"a,,b", b'"a', b'" a "'],
        "description": [
            b"d=20,k=4,r=4,min-angle=25,signs=mixed,seed=0", b"k=2:9,r=1:3,amplitudes=0.5:2", b"signs=negative,d=3",
            b"seed=9223372036854775807", b"k=3,k=4", b"kk=3",
        ],
    }


def main():
    program, target = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        inputs = made_by_program(str(program), pathlib.Path(folder))
    for format_name, more in made_here().items():
        inputs.setdefault(format_name, []).extend(more)
    for format_name, contents in inputs.items():
        (target / format_name).mkdir(parents=True, exist_ok=True)
        for content in contents:
            (target / format_name / f"{zlib.crc32(content):08x}").write_bytes(content)
        print(f"{format_name}: {len(contents)} files, {sum(map(len, contents))} bytes")


if __name__ == "__main__":
    main()
