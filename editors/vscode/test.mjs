// Colours every example with the grammar, as an editor does: each declaration, comment and text has its colour, and none runs on
// into the next line. Run by `npm test`.
import { readFileSync, readdirSync, existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const oniguruma = require("vscode-oniguruma");
const { Registry, parseRawGrammar, INITIAL } = require("vscode-textmate");
const here = dirname(fileURLToPath(import.meta.url));
const examples = process.argv[2] ?? join(here, "../../examples");

await oniguruma.loadWASM(readFileSync(require.resolve("vscode-oniguruma/release/onig.wasm")).buffer);
const onigLib = Promise.resolve({
  createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
  createOnigString: (text) => new oniguruma.OnigString(text),
});
const path = join(here, "syntaxes/mlp.tmLanguage.json");
const registry = new Registry({ onigLib, loadGrammar: async () => parseRawGrammar(readFileSync(path, "utf8"), path) });
const grammar = await registry.loadGrammar("source.mlp");

let files = 0, lines = 0, faults = 0;
function fail(file, number, why) {
  ++faults;
  console.error(`${file}:${number}: ${why}`);
}
for (const entry of readdirSync(examples, { recursive: true })) {
  if (!entry.endsWith(".mlp")) continue;
  ++files;
  let state = INITIAL;
  readFileSync(join(examples, entry), "utf8").split("\n").forEach((line, i) => {
    ++lines;
    const { tokens, ruleStack } = grammar.tokenizeLine(line, state);
    const colour = (at) => tokens.find((t) => t.startIndex <= at && at < t.endIndex)?.scopes.join(" ") ?? "";
    const declaration = /^(pipeline|import|param|schema|source|table|expect|features|split|model|tune|test|deploy|monitor|fn|loss|layer)\s+[\p{L}_`"]/u.test(line);
    if (declaration && !colour(0).includes("keyword")) fail(entry, i + 1, "a declaration without a colour");
    const comment = line.indexOf("//");
    if (comment >= 0 && !line.slice(0, comment).includes('"') && !colour(comment).includes("comment")) fail(entry, i + 1, "a comment without a colour");
    const text = /^[^"/]*"/.exec(line);
    if (text && !colour(text[0].length - 1).includes("string")) fail(entry, i + 1, "a text without a colour");
    if (ruleStack.depth !== INITIAL.depth && ruleStack.depth !== 1) fail(entry, i + 1, "a colour that runs on into the next line");
    state = ruleStack;
  });
}
for (const file of ["language-configuration.json", "extension.js"]) if (!existsSync(join(here, file))) fail(file, 0, "missing");
const language = JSON.parse(readFileSync(join(here, "language-configuration.json"), "utf8"));
if (language.comments?.lineComment !== "//") fail("language-configuration.json", 1, "comments do not start with //");
console.log(`${files} examples, ${lines} lines, ${faults} faults`);
process.exit(faults || files < 10 ? 1 : 0);
