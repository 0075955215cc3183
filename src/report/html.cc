#include "report/html.h"

#include <cstdint>
#include <format>

#include "core/text.h"

namespace triage::report {

std::string escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : printable_line(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string base64(std::string_view bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = group << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      out += i + j <= bytes.size() ? kDigits[group >> (18 - 6 * j) & 63] : '=';
    }
  }
  return out;
}

std::string Table::html(const std::string& css_class) const {
  std::string out = std::format("<div class=\"scroll\"><table class=\"{}\"><thead><tr>", escape(css_class));
  for (const std::string& name : header_) out += std::format("<th scope=\"col\">{}</th>", escape(name));
  out += "</tr></thead><tbody>\n";
  for (const auto& row : rows_) {
    out += "<tr>";
    for (const Cell& cell : row) {
      out += "<td";
      if (cell.bold) out += " class=\"b\"";
      if (!cell.tint.empty()) out += std::format(" style=\"background:{}\"", escape(cell.tint));
      out += ">";
      if (!cell.color.empty()) out += std::format("<i class=\"dot\" style=\"background:{}\"></i>", escape(cell.color));
      out += escape(cell.text) + "</td>";
    }
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

}  // namespace triage::report
