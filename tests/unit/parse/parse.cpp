// Places, values and limits that golden files cannot show.
#include <gtest/gtest.h>

#include <chrono>
#include <functional>

#include "tests/unit/parse/spec.h"

using namespace mlp;

namespace {

const ast::Expr& expr(const Spec& s, ast::ExprId id) { return s.file[id]; }

TEST(Parse, SpansAreBytesAlsoBehindOtherScripts) {
  const Spec s("pipeline größe \"größe 😀\"\nfeatures x from s { é = `größe 1` + b }\n");
  ASSERT_TRUE(s.good()) << s.rendered();
  EXPECT_EQ(s.file.pipelines[0].head.name, "größe");
  EXPECT_EQ(s.text(s.file.pipelines[0].head.name_span), "größe");
  EXPECT_EQ(s.file.pipelines[0].head.description, "größe 😀");
  const ast::FeatureEntry& e = s.file.features[0].entries[0];
  EXPECT_EQ(s.text(e.name_span), "é");
  EXPECT_EQ(s.text(expr(s, e.value).span), "`größe 1` + b");
  EXPECT_EQ(expr(s, expr(s, e.value).args[0]).text, "größe 1");
}

TEST(Parse, PrecedenceAndAssociation) {
  const auto shape = [](const std::string& text) {
    const Spec s("expect s { " + text + " }");
    EXPECT_TRUE(s.good()) << s.rendered();
    const std::function<std::string(ast::ExprId)> show = [&](ast::ExprId id) -> std::string {
      const ast::Expr& e = s.file[id];
      if (e.args.empty()) return e.text;
      std::string out = "(" + (e.text.empty() ? std::string(ir::enum_words<ast::ExprKind>::words[static_cast<int>(e.kind)]) : e.text);
      for (const ast::ExprId a : e.args) out += " " + show(a);
      return out + ")";
    };
    return show(s.file.expects[0].conditions[0]);
  };
  EXPECT_EQ(shape("a + b * c ^ d ^ e"), "(+ a (* b (^ c (^ d e))))");
  EXPECT_EQ(shape("-a ^ 2 * b"), "(* (- (^ a 2)) b)");
  EXPECT_EQ(shape("2 ^ -b ^ c"), "(^ 2 (- (^ b c)))");
  EXPECT_EQ(shape("a - b - c"), "(- (- a b) c)");
  EXPECT_EQ(shape("not a == b and c or d"), "(or (and (not (== a b)) c) d)");
  EXPECT_EQ(shape("if a then b else c |> f"), "(pipe (conditional a b c) f)");
  EXPECT_EQ(shape("if a then b else if c then d else e"), "(conditional a b (conditional c d e))");
  EXPECT_EQ(shape("a + 1..b < c"), "(< (range (+ a 1) b) c)");
  EXPECT_EQ(shape("each(x) except (a, b) |> f(1) |> g"), "(pipe (pipe (except (each x) a b) (f 1)) g)");
  EXPECT_EQ(shape("a.b.c"), "(c (b a))");
}

TEST(Parse, DocumentationFindsItsOwner) {
  const Spec s("/// one\n///\n///  two\n// between\nschema A {\n  /// of a\n  a : int\n  b : int\n}\n");
  ASSERT_TRUE(s.diagnostics.all().empty()) << s.rendered();
  EXPECT_EQ(s.file.schemas[0].head.doc, "one\n\n two");
  EXPECT_EQ(s.file.schemas[0].columns[0].doc, "of a");
  EXPECT_EQ(s.file.schemas[0].columns[1].doc, "");
  ASSERT_EQ(s.file.comments.size(), 1u);
  EXPECT_EQ(s.text(s.file.comments[0].span), "// between");
}

TEST(Parse, ValuesOfTexts) {
  const Spec s("expect s { \"a\\n\\t\\\"\\\\\\u{e9}\\u{1F600}\" }");
  ASSERT_TRUE(s.good()) << s.rendered();
  EXPECT_EQ(expr(s, s.file.expects[0].conditions[0]).text, "a\n\t\"\\é😀");
}

TEST(Parse, AFileWithErrorsKeepsWhatCouldBeRead) {
  const Spec s("schema A {\n  a : int\n  b int\n  c : int\n}\nfeatures x frm s { a }\nsplit s { train = 1 }\n");
  EXPECT_EQ(s.findings(), (std::vector<std::string>{"E0101 3:5", "E0101 6:12"}));
  ASSERT_EQ(s.file.schemas.size(), 1u);
  EXPECT_EQ(s.file.schemas[0].columns.size(), 2u);
  EXPECT_EQ(s.file.splits.size(), 1u);
}

TEST(Parse, EachErrorOffersAFixThatWorks) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"split s { train 1 }", "split s { train = 1 }"},
      {"schema A { in : int }", "schema A { `in` : int }"},
      {"features x frm s { a }", "features x from s { a }"},
      {"split s { a = 3min }", "split s { a = 3m }"},
      {"scheme A { a : int }", "schema A { a : int }"},
      {"fn f(a: float) -> float = a @b", "fn f(a: float) -> float = a @ b"},
      {"split s { a = 'x' }", "split s { a = \"x\" }"},
  };
  for (const auto& [bad, good] : cases) {
    const Spec s(bad);
    ASSERT_EQ(s.diagnostics.all().size(), 1u) << bad;
    const Diagnostic& d = s.diagnostics.all()[0];
    ASSERT_EQ(d.fix.size(), 1u) << bad;
    std::string mended = bad;
    mended.replace(d.fix[0].span.begin, d.fix[0].span.end - d.fix[0].span.begin, d.fix[0].replacement);
    EXPECT_EQ(mended, good);
    EXPECT_TRUE(Spec(mended).good()) << mended;
  }
}

TEST(Limits, InvalidUtf8IsNamedWithItsPlace) {  // E0112
  for (const std::string bad : {"\xFF", "\xC3", "\xC0\x80", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\xE0\x80\x80", "\x80"}) {
    const Spec s("pipeline a\n// " + bad + "\n");
    EXPECT_EQ(s.findings(), std::vector<std::string>{"E0112 2:4"});
    EXPECT_NE(s.diagnostics.all()[0].message.find("offset 14"), std::string::npos) << s.diagnostics.all()[0].message;
  }
  EXPECT_TRUE(Spec("pipeline a // é \xF4\x8F\xBF\xBF\n").good());
}

TEST(Limits, NestingIsRefusedBeforeAnythingRecurses) {  // E0110
  const auto nested = [](int n, const std::string& open, const std::string& close) {
    std::string text = "expect s { ";
    for (int i = 0; i < n; ++i) text += open;
    text += "a";
    for (int i = 0; i < n; ++i) text += close;
    return text + " }";
  };
  EXPECT_TRUE(Spec(nested(255, "(", ")")).good());
  EXPECT_TRUE(Spec(nested(255, "-f(", ")")).good());
  EXPECT_EQ(Spec(nested(256, "(", ")")).findings(), std::vector<std::string>{"E0110 1:267"});
  EXPECT_EQ(Spec(nested(300, "if ", " then b else c")).findings().at(0).substr(0, 5), "E0110");
  for (const std::string open : {"(", "[", "{", "f(", "{ a = ", "if "}) {
    const auto start = std::chrono::steady_clock::now();
    const Spec s(nested(open.size() > 1 ? 500'000 : 1'000'000, open, ""));
    EXPECT_EQ(s.diagnostics.all().size(), 1u);
    EXPECT_EQ(s.findings().at(0).substr(0, 5), "E0110") << open;
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));  // about 20 ms on a quiet machine
  }
}

TEST(Limits, LongChains) {
  const auto chain = [](int n, const std::string& link) {
    std::string text = "expect s { a";
    for (int i = 0; i < n; ++i) text += link;
    return Spec(text + " }").findings();
  };
  for (const std::string link : {" + a", " ^ a", " |> f", ".b", " and a"}) {
    EXPECT_TRUE(chain(900, link).empty()) << link;
    const auto found = chain(20'000, link);
    ASSERT_EQ(found.size(), 1u) << link;
    EXPECT_EQ(found[0].substr(0, 5), "E0110") << link;
  }
  std::string minus(50'000, '-');
  EXPECT_EQ(Spec("expect s { " + minus + "a }").findings().at(0).substr(0, 5), "E0110");
  std::string otherwise;
  for (int i = 0; i < 20'000; ++i) otherwise += "if a then b else ";
  EXPECT_EQ(Spec("expect s { " + otherwise + "c }").findings().at(0).substr(0, 5), "E0110");
}

TEST(Limits, SizeIsCapped) {  // E0111
  EXPECT_EQ(Spec(std::string((4 << 20) + 1, ' ')).findings(), std::vector<std::string>{"E0111 1:1"});
  std::string words = "expect s {";
  for (int i = 0; i < 200'000; ++i) words += "a\n";
  EXPECT_EQ(Spec(words + "}").findings(), std::vector<std::string>{"E0111 124999:2"});
  std::string wide = "schema A {\n";
  for (int i = 0; i < 5'000; ++i) wide += "  column_" + std::to_string(i) + " : float? >= 0\n";
  const Spec s(wide + "}\n");
  ASSERT_TRUE(s.good());
  EXPECT_EQ(s.file.schemas[0].columns.size(), 5'000u);
}

TEST(Limits, AFileIsGivenUpAfterAHundredFindings) {
  for (const std::string line : {"$ ", "word\n", "split s { a }\n", "}\n", "'x'\n", "fn f(a: int) = a < b < c\n"}) {
    std::string text;
    for (int i = 0; i < 1'000; ++i) text += line;
    const Spec s(text);
    EXPECT_EQ(s.diagnostics.all().size(), 100u) << line;
    EXPECT_EQ(s.diagnostics.all().back().notes.size(), 1u) << line;
  }
}

TEST(Names, SpelledSoThatTheyReadBack) {
  for (const std::string name : {"a", "train", "in", "null", "Monthly Charges", "1st", "größe", "a`b", "back\\slash", "tab\t", "new\nline", "日本", "x-y", "é", "_", "a.b"}) {
    const Spec s("schema A { " + format_name(name) + " : int }");
    ASSERT_TRUE(s.good()) << format_name(name) << "\n" << s.rendered();
    EXPECT_EQ(s.file.schemas[0].columns[0].name, name);
  }
  EXPECT_EQ(format_name("größe"), "größe");
  EXPECT_EQ(format_name("train"), "train");
  EXPECT_EQ(format_name("in"), "`in`");
  EXPECT_EQ(format_text("a\"\n\\\x01"), "\"a\\\"\\n\\\\\\u{1}\"");
}

TEST(AstText, RefusesWhatItDidNotWrite) {
  const std::string good = ast::print(Spec("schema A { a : int in 0..5 }").file);
  EXPECT_EQ(ast::print(ast::parse_text(good)), good);
  for (const std::string bad : {"", "ast 2\n", "ast 1\nexpr %1 kind=null\n", "ast 1\nexpr %0 kind=wrong\n", "ast 1\nexpr %0 text=\"a\n", "ast 1\nblob %0\n",
                                "ast 1\nexpr %0 span=@0:1-99999999999\n", "ast 1\nexpr %0 what=1\n"})
    EXPECT_THROW(ast::parse_text(bad), ir::TextError) << bad;
}

TEST(AstVerify, FindsBrokenFiles) {
  const Spec s("schema A { a : int in 0..5 }\nexpect a { f(b) }");
  ASSERT_TRUE(ast::verify(s.file).empty());
  const auto broken = [&](auto change) {
    ast::File f = s.file;
    change(f);
    return !ast::verify(f).empty();
  };
  EXPECT_TRUE(broken([](ast::File& f) { f.exprs[2].args[0] = ast::ExprId{2}; }));                        // uses itself
  EXPECT_TRUE(broken([](ast::File& f) { f.exprs[2].args.pop_back(); }));                                 // a range of one
  EXPECT_TRUE(broken([](ast::File& f) { f.exprs.back().arg_names.clear(); }));                           // a call without names
  EXPECT_TRUE(broken([](ast::File& f) { f.schemas[0].columns[0].constraints[0].args[0].index = 99; }));  // no such expression
  EXPECT_TRUE(broken([](ast::File& f) { f.order.pop_back(); }));                                         // a declaration left out
  EXPECT_TRUE(broken([](ast::File& f) { f.order[0] = f.order[1]; }));                                    // one twice
  EXPECT_TRUE(broken([](ast::File& f) { f.order[0].index = 7; }));                                       // one that is not there
}

}  // namespace
