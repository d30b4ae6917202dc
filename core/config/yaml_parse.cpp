// SPDX-License-Identifier: Apache-2.0
#include <yaml-cpp/anchor.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/config/yaml.h"

namespace tessera::config {
namespace {

[[noreturn]] void refuse(const Origin& origin, std::string_view what, std::string_view fix) {
  throw Error(ErrorKind::usage, what, origin.text(), fix);
}

/// Builds a Node from the parser's events and enforces the limits while it does, so that a small text that stands for a
/// huge or endless document is refused before it is built.
class Builder : public YAML::EventHandler {
 public:
  Builder(const std::string& source, bool one_line) : source_(source), one_line_(one_line) {}

  Node take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    count(1, mark);
    add(Node::null(at(mark)), anchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& text) override {
    refuse_tag(tag, mark);
    if (expects_key()) return take_key(text, mark);
    count(1, mark);
    add(Node::scalar(text, tag == "!", at(mark)), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (expects_key()) refuse_key(at(mark));
    if (found == anchors_.end()) refuse(at(mark), "an alias stands inside the value it refers to", "write the value out");
    if (static_cast<int>(open_.size()) + found->second.depth() > kMaxDocumentDepth) refuse_depth(mark);
    count(found->second.node_count(), mark);
    add(found->second, 0);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::list({}, at(mark)), tag, anchor, mark);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::map(at(mark)), tag, anchor, mark);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Level {
    Node node;
    YAML::anchor_t anchor = 0;
    std::vector<Node> items{};
    std::optional<Node::Key> key{};
    std::set<std::string> seen{};
  };

  Origin at(const YAML::Mark& mark) const {
    return one_line_ || mark.line < 0 ? Origin{source_, 0} : Origin{source_, mark.line + 1};
  }
  bool expects_key() const { return !open_.empty() && open_.back().node.is_map() && !open_.back().key; }

  void refuse_tag(const std::string& tag, const YAML::Mark& mark) const {
    if (!tag.empty() && tag != "?" && tag != "!") refuse(at(mark), "YAML tags have no meaning here", "remove the tag");
  }
  [[noreturn]] void refuse_depth(const YAML::Mark& mark) const {
    refuse(at(mark), "nested deeper than " + std::to_string(kMaxDocumentDepth) + " levels", "flatten the document");
  }
  [[noreturn]] void refuse_key(const Origin& origin) const {
    // For the parser an unclosed bracket at the beginning looks like the beginning of a key.
    refuse(origin, "not valid YAML: a bracket is not closed, or a key of a map is no text", "close it, or use a name as the key");
  }

  void count(size_t nodes, const YAML::Mark& mark) {
    nodes_ += nodes;
    if (nodes_ > kMaxDocumentNodes) {
      refuse(at(mark), "the document has more than " + std::to_string(kMaxDocumentNodes) + " values", "shorten it");
    }
  }

  void take_key(const std::string& name, const YAML::Mark& mark) {
    Level& level = open_.back();
    if (name.size() > kMaxKeyBytes) refuse(at(mark), "key " + printable(name) + " is too long", "shorten it");
    if (name == "<<") refuse(at(mark), "merge keys '<<' are not supported", "use extends: or write the keys out");
    if (!level.seen.insert(name).second) {
      const auto first = std::ranges::find(level.node.keys(), name, &Node::Key::name);
      refuse(at(mark), "key " + printable(name) + " stands twice in one map, first at " + first->origin.text(),
             "remove one of them");
    }
    level.key = Node::Key{name, at(mark)};
  }

  void open(Node node, const std::string& tag, YAML::anchor_t anchor, const YAML::Mark& mark) {
    refuse_tag(tag, mark);
    if (expects_key()) refuse_key(at(mark));
    if (static_cast<int>(open_.size()) >= kMaxDocumentDepth) refuse_depth(mark);
    count(1, mark);
    open_.push_back(Level{std::move(node), anchor});
  }

  void close() {
    Level level = std::move(open_.back());
    open_.pop_back();
    if (level.node.is_list()) level.node = Node::list(std::move(level.items), level.node.origin());
    add(std::move(level.node), level.anchor);
  }

  void add(Node node, YAML::anchor_t anchor) {
    if (expects_key()) refuse_key(node.origin());
    if (anchor != 0) anchors_[anchor] = node;
    if (open_.empty()) {
      root_ = std::move(node);
    } else if (Level& level = open_.back(); level.node.is_list()) {
      level.items.push_back(std::move(node));
    } else {
      level.node.set(std::move(*level.key), std::move(node));
      level.key.reset();
    }
  }

  const std::string& source_;
  bool one_line_;
  std::vector<Level> open_;
  std::map<YAML::anchor_t, Node> anchors_;
  size_t nodes_ = 0;
  Node root_;
};

/// Bytes of the UTF-8 sequence at `position`, or 0 when it is none (also for control characters other than tab and line
/// ends). Overlong forms and surrogates are left to the parser, which never sees them as anything but text.
size_t character_bytes(std::string_view text, size_t position) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(position);
  if (first < 0x80) return first >= 0x20 ? first != 0x7f : first == '\t' || first == '\n' || first == '\r';
  const size_t length = first >= 0xf0 && first < 0xf5 ? 4 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xc2 && first < 0xe0 ? 2 : 0;
  if (length == 0 || position + length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(position + i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

void require_text(std::string_view text, const std::string& source, bool one_line) {
  if (text.size() > kMaxDocumentBytes) {
    refuse({source, 0}, "larger than " + std::to_string(kMaxDocumentBytes) + " bytes", "give a YAML recipe");
  }
  int line = 1;
  for (size_t i = 0; i < text.size();) {
    const size_t length = character_bytes(text, i);
    if (length == 0) refuse({source, one_line ? 0 : line}, "not UTF-8 text", "give a YAML recipe");
    if (text[i] == '\n') ++line;
    i += length;
  }
}

}  // namespace

Node parse_yaml(std::string_view text, const std::string& source, bool one_line) {
  require_text(text, source, one_line);
  std::istringstream stream{std::string(text)};
  Builder builder(source, one_line);
  try {
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) return Node::null({source, one_line ? 0 : 1});
    Node root = builder.take();
    Builder second(source, one_line);
    if (parser.HandleNextDocument(second)) {
      refuse(root.origin(), "more than one YAML document", "remove what follows '---'");
    }
    return root;
  } catch (const YAML::Exception& error) {
    const bool has_line = !one_line && error.mark.line >= 0;
    refuse({source, has_line ? error.mark.line + 1 : 0}, "not valid YAML: " + escape(error.msg), "correct the syntax");
  }
}

Node parse_yaml_file(const std::filesystem::path& path) {
  std::error_code status_error;
  const auto status = std::filesystem::status(path, status_error);
  const Origin origin{path.string(), 0};
  if (!std::filesystem::exists(status)) refuse(origin, "there is no such file", "give the path of a YAML recipe");
  if (!std::filesystem::is_regular_file(status)) refuse(origin, "not a regular file", "give the path of a YAML recipe");
  const auto size_bytes = std::filesystem::file_size(path, status_error);
  if (!status_error && size_bytes > kMaxDocumentBytes) {
    refuse(origin, "larger than " + std::to_string(kMaxDocumentBytes) + " bytes", "give a YAML recipe");
  }
  return parse_yaml(read_file(path, ErrorKind::usage), path.string());
}

}  // namespace tessera::config
