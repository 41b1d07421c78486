// What a column is: its type, its constraints, its attributes. Spoken by compiler and runtime alike.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "base/span.h"

namespace mlp {

// `category string text id` are all text values; they differ in what may be done with them. An image is the bytes of its pixels.
enum class Scalar { boolean, integer, real, real32, string, category, text, id, timestamp, date, duration, image };

struct Type {
  Scalar scalar = Scalar::real;
  bool nullable = false;
  template <class A> void fields(A&& a) { a("scalar", scalar); a("nullable", nullable); }
  friend bool operator==(const Type&, const Type&) = default;
};
inline bool is_text(Scalar s) { return s == Scalar::string || s == Scalar::category || s == Scalar::text || s == Scalar::id; }
inline bool is_number(Scalar s) { return s == Scalar::integer || s == Scalar::real || s == Scalar::real32; }
std::string spell(const Type& type);  // "float?"

using ColumnId = Id<struct ColumnTag>;

struct Bounds {  // low <= v <= high, strict where open
  std::optional<double> low, high;
  bool low_open = false, high_open = false;
  template <class A> void fields(A&& a) { a("low", low); a("high", high); a("low_open", low_open); a("high_open", high_open); }
};
// Of the pictures of a column: row by row, channel last; each number a byte.
struct ImageShape {
  std::int64_t height = 0, width = 0, channels = 1;  // channels: 1 grey, 3 red, green and blue
  std::int64_t size() const { return height * width * channels; }
  template <class A> void fields(A&& a) { a("height", height); a("width", width); a("channels", channels); }
  friend bool operator==(const ImageShape&, const ImageShape&) = default;
};
struct Column {
  std::string name;
  Type type;
  ImageShape image;                     // of type image
  Bounds bounds;
  std::vector<std::string> one_of;
  bool ordered = false;                 // the words of one_of rise as they are listed
  std::string pattern;                  // of `matches`; RE2/ECMAScript subset, whole value; "" = none
  std::string zone;                     // timestamp: rules of the zone that texts without an offset are in (mlp_time_from_zone); "" = UTC
  std::string true_word, false_word;    // of `bool from ("Yes", "No")`; "" = true/false/1/0
  bool pii = false, protected_ = false, event_time = false, label = false;
  bool future = false;                  // known only after the moment that a row describes
  bool group = false;                   // rows with one value belong together: no part of the split without the others
  std::string description;
  Span span;
  template <class A> void fields(A&& a) {
    a("name", name); a("type", type); a("image", image); a("bounds", bounds); a("one_of", one_of); a("ordered", ordered); a("pattern", pattern); a("zone", zone); a("true", true_word);
    a("false", false_word); a("pii", pii); a("protected", protected_); a("event_time", event_time); a("label", label);
    a("future", future); a("group", group);
    a("description", description); a("span", span);
  }
};
std::string spell(const Column& column);  // its type, of an image with the shape: "image[28, 28]"

}  // namespace mlp
