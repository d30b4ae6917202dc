// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include "core/base/file.h"
#include "launcher/commands/commands.h"
#include "launcher/report/confusion_picture.h"

namespace tessera::launcher {

int confusion(const ConfusionArguments& arguments) {
  ClassReport sum = read_class_report(arguments.files.front());
  for (size_t i = 1; i < arguments.files.size(); ++i) add_class_report(read_class_report(arguments.files[i]), arguments.files[i], sum, arguments.files.front());
  const std::string line = fmt::format("{}: {} samples, accuracy {:.2f} %", arguments.title, sum.counts.samples(), 100.0 * sum.counts.accuracy());
  if (arguments.picture) write_file_atomically(*arguments.picture, png_of(draw_confusion(sum, line)), ErrorKind::usage);
  fmt::print("{}\n{}\n", table_of(sum), line);
  return kExitDone;
}

}  // namespace tessera::launcher
