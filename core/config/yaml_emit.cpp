// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "core/config/scalar.h"
#include "core/config/yaml.h"

namespace tessera::config {
namespace {

bool is_safe_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_-./+@%").find(c) != std::string_view::npos;
}

/// Plain text that means the same in every context. Stricter than YAML: what is in doubt is quoted.
bool is_safe_plain(std::string_view text) {
  if (text.empty() || !std::ranges::all_of(text, is_safe_character)) return false;
  return std::string_view("-%@").find(text.front()) == std::string_view::npos;
}

std::string emit_key(std::string_view name) {
  return is_safe_plain(name) && !is_special_plain(name) ? std::string(name) : quote(name);
}

std::string emit_scalar(const Node& node) {
  const std::string& text = node.text();
  if (is_special_plain(text)) return node.quoted() ? quote(text) : text;
  return is_safe_plain(text) ? text : quote(text);
}

void emit_map(const Node& node, const std::string& indent, std::string& out) {
  for (size_t i = 0; i < node.keys().size(); ++i) {
    const Node& child = node.children()[i];
    out.append(indent).append(emit_key(node.keys()[i].name)).append(":");
    if (child.is_map() && !child.keys().empty()) {
      out.append("\n");
      emit_map(child, indent + "  ", out);
    } else {
      out.append(" ").append(emit_flow(child)).append("\n");
    }
  }
}

}  // namespace

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.append(escape({&c, 1}));
  }
  return out.append("\"");
}

std::string emit_flow(const Node& node) {
  if (node.is_null()) return "null";
  if (node.is_scalar()) return emit_scalar(node);
  std::string out = node.is_list() ? "[" : "{";
  for (size_t i = 0; i < node.children().size(); ++i) {
    if (i > 0) out.append(", ");
    if (node.is_map()) out.append(emit_key(node.keys()[i].name)).append(": ");
    out.append(emit_flow(node.children()[i]));
  }
  return out.append(node.is_list() ? "]" : "}");
}

std::string emit_yaml(const Node& node) {
  if (!node.is_map() || node.keys().empty()) return emit_flow(node) + "\n";
  std::string out;
  emit_map(node, "", out);
  return out;
}

}  // namespace tessera::config
