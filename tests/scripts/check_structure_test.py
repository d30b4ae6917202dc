#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs scripts/check_structure on small trees, each with one defect."""

import pathlib
import subprocess
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "check_structure"
LICENCE = "// SPDX-License-Identifier: Apache-2.0\n"


def check(files):
    """(exit status, output) for a tree of {path: text}."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        done = subprocess.run([SCRIPT, folder], capture_output=True, text=True)
        return done.returncode, done.stdout


def function_of(lines, name="long_one"):
    return f"namespace tessera {{\nint {name}(int x) {{\n" + "  if (x) { x += 1; }\n" * (lines - 2) + "}\n}\n"


class CheckStructure(unittest.TestCase):
    def expect(self, name, text, finding):
        status, output = check({name: LICENCE + text})
        if finding is None:
            self.assertEqual((status, output), (0, "1 files checked, 0 findings\n"))
        else:
            self.assertEqual(status, 1, output)
            self.assertIn(f"{name}:", output)
            self.assertIn(finding, output)
            self.assertIn("1 findings", output)

    def test_includes(self):
        self.expect("core/nn/a.h", '#include "core/ops/b.h"\n#include "core/nn/c.h"\n#include <vector>\n', None)
        self.expect("core/nn/a.h", '#include "core/optim/b.h"\n', "nn must not include core/optim/b.h")
        self.expect("core/tensor/a.h", '#include "core/config/b.h"\n', "downward only")
        self.expect("core/nn/a.h", '#include "distributed/b.h"\n', "core must not include")
        self.expect("recipes/a.h", '#include "launcher/b.h"\n', "recipes must not include")
        self.expect("launcher/a.h", '#include "recipes/b.h"\n#include "core/base/error.h"\n', None)
        self.expect("core/new_folder/a.h", '#include "core/base/error.h"\n', "has no place in the order")
        self.expect("core/nn/a.h", '#include "b.h"\n', "from the top of the repository")

    def test_sizes(self):
        self.expect("core/nn/a.cpp", function_of(60), None)
        self.expect("core/nn/a.cpp", function_of(61), "a.cpp:3: function long_one has 61 lines")
        self.expect("core/nn/a.cpp", "\n" * 399, None)
        self.expect("core/nn/a.cpp", "\n" * 400, "401 lines")

    def test_a_function_in_a_class_with_braces_in_strings(self):
        text = 'class A {\n  const char* text = "{{{";  // }}\n  A() : a_{{1}, 2}, b_(3) {\n' + "    call([] { return '{'; });\n" * 60 + "  }\n};\n"
        self.expect("core/nn/a.h", text, "function A has 62 lines")

    def test_a_table_is_no_function(self):
        self.expect("core/nn/a.cpp", "const int kTable[] = {\n" + "  f(1),\n" * 100 + "};\n", None)

    def test_lines(self):
        self.expect("core/nn/a.cpp", "// TO" "DO: later\n", "unfinished")
        self.expect("core/nn/a.cpp", 'const char* p = "/ho' 'me/me/data";\n', "absolute path")
        self.expect("core/nn/a.cpp", "#ifdef TESSERA_CUDA\n#endif\n", "condition on a back end")
        status, output = check({"core/nn/a.cpp": "int x;\n"})
        self.assertEqual(status, 1)
        self.assertIn("no SPDX licence line", output)


if __name__ == "__main__":
    unittest.main()
