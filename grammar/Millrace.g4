// The syntax of `.mlp` specs; the only place where it is written down.
//
// Between lexer and parser stands compiler/parse/layout: it pairs the brackets and leaves exactly those NEWLINE
// tokens that end an entry. The parser therefore sees `{ entry separator entry }` with no separator too many.
// Words are contextual: all but `if then else and or not in let true false null` may also be names, see `name`.
// Almost every decision is made on one token; keep it so, it makes parsing fast and messages precise.
grammar Millrace;

// ---- declarations

file : (declaration (NEWLINE declaration)*)? EOF ;

declaration
  : pipeline | importFile | param | schema | source | table | expect | features | split | model | tune | test | deploy | monitor | function | external | loss | layer
  | unknown ;

pipeline   : PIPELINE name description? ;
importFile : IMPORT STRING ;
param      : PARAM name COLON type constraint* ASSIGN expression description? ;

schema     : SCHEMA name description? LBRACE (field (separator field)*)? RBRACE ;
field      : name (RANGE name)? COLON type (constraint | ATTRIBUTE | description)* ;
constraint
  : IN range
  | comparator sum
  | MATCHES STRING
  | ZONE STRING
  | ONE_OF LPAREN expression (COMMA expression)* RPAREN
  | ORDERED LPAREN expression (COMMA expression)* RPAREN
  | FROM LPAREN expression (COMMA expression)* RPAREN
  ;

source : SOURCE name COLON name ASSIGN expression description? ;
table  : TABLE name ASSIGN expression description? ;
expect : EXPECT name description? conditions ;

features : FEATURES name FROM name description? LBRACE (feature (separator feature)*)? RBRACE ;
feature  : expression (ASSIGN expression)? description? ;   // the first is a plain name where `=` follows

split : SPLIT name description? LBRACE (setting (separator setting)*)? RBRACE ;

model      : MODEL name ASSIGN name description? LBRACE (modelEntry (separator modelEntry)*)? RBRACE ;
modelEntry : predict | learn | measure | setting ;
predict    : PREDICT expression FROM name ;
learn      : LEARN FROM name ;
measure    : MEASURE AGAINST expression ;

tune      : TUNE name description? LBRACE (tuneEntry (separator tuneEntry)*)? RBRACE ;
tuneEntry : (MAXIMIZE | MINIMIZE) expression | name IN expression | setting ;

test : TEST name description? LBRACE (gate (separator gate)*)? RBRACE ;
gate
  : REQUIRE expression
  | INVARIANT listed (COMMA listed)* (WITHIN expression)?
  | MONOTONE (INCREASING | DECREASING) listed (COMMA listed)*
  | GIVEN record EXPECT expression
  ;

deploy      : DEPLOY name SERVES name description? LBRACE (deployEntry (separator deployEntry)*)? RBRACE ;
deployEntry : budget | population | setting ;
population  : SERVE ON expression ;
budget      : BUDGET conditions ;

monitor     : MONITOR name description? LBRACE (monitorRule (separator monitorRule)*)? RBRACE ;
monitorRule : subject subject? (BY name)? (WITHIN expression)? (level (COMMA level)*)? ;
level       : (WARN | ALERT) expression (FOR expression)? ;

function  : FN name LPAREN (parameter (COMMA parameter)*)? RPAREN (ARROW type)? description? (ASSIGN expression | block) ;
external  : EXTERN FN name LPAREN (parameter (COMMA parameter)*)? RPAREN ARROW type FROM STRING description? ;
loss      : LOSS name LPAREN (parameter (COMMA parameter)*)? RPAREN (ARROW type)? (LINK name)? description? (ASSIGN expression | block) ;
layer     : LAYER name LPAREN (parameter (COMMA parameter)*)? RPAREN (ARROW type)? description? (ASSIGN expression | block) ;
parameter : name COLON type (ASSIGN expression)? ;
block     : LBRACE statement (separator statement)* RBRACE ;   // the last is the result, the others bind names
statement : LET name ASSIGN expression | expression ;

// A declaration that this version does not know: skipped whole, and reported by its first word.
unknown : IDENTIFIER skipped* ;
skipped : ~(NEWLINE | LBRACE | RBRACE) | LBRACE (skipped | NEWLINE)* RBRACE ;

// ---- parts that several declarations share

description : STRING ;
separator   : NEWLINE | COMMA ;
conditions  : LBRACE (expression (separator expression)*)? RBRACE ;
setting     : name ASSIGN expression ;
type        : name (LBRACKET (dots (COMMA expression)* | expression (COMMA expression)*) RBRACKET)? QUESTION? ;
dots        : RANGE ;   // any number of axes, none too

// ---- expressions, from the loosest to the tightest; prefixes are loops, so that depth grows with brackets only

expression  : conditional (PIPE stage)* ;
conditional : (IF expression THEN expression ELSE)* disjunction ;
disjunction : conjunction (OR conjunction)* ;
conjunction : negation (AND negation)* ;
negation    : NOT* comparison ;
comparison  : range (comparator range)* ;       // a chain is refused when the tree is built
comparator  : EQ | NE | LT | LE | GT | GE ;
range       : sum (RANGE sum)? ;
sum         : product ((PLUS | MINUS) product)* ;
product     : unary ((STAR | SLASH | PERCENT | AT) unary)* ;
unary       : MINUS* power ;
power       : postfix (CARET exponent)* ;       // right-associative
exponent    : MINUS* postfix ;
postfix     : primary (member | except | index)* ;
member      : DOT name ;
except      : EXCEPT LPAREN expression (COMMA expression)* RPAREN ;
index       : LBRACKET part (COMMA part)* RBRACKET ;    // v[0], v[1..3], v[.., 2..]
part        : RANGE sum? | sum (RANGE sum?)? ;
primary
  : NUMBER | STRING | DATE | TRUE | FALSE | NULL_
  | call
  | LPAREN expression RPAREN
  | LBRACKET (expression (COMMA expression)*)? RBRACKET
  | record
  ;
call      : name (LPAREN (argument (COMMA argument)*)? RPAREN)? ;   // without brackets: the name itself
argument  : expression (ASSIGN expression)? ;   // the first is a plain name where `=` follows
stage     : call record? ;                      // group_by(user) { n = count() }: the record is the last argument
record    : LBRACE (setting (separator setting)*)? RBRACE ;

// ---- names; the narrower ones stand where a word that comes next must not be taken for a name

name    : subject | WARN | ALERT | BY | WITHIN | FOR | REQUIRE | INVARIANT | MONOTONE | GIVEN ;
subject : word | REQUIRE | INVARIANT | MONOTONE | GIVEN ;
listed  : word | WARN | ALERT | BY | FOR ;
word
  : IDENTIFIER | QUOTED
  | PIPELINE | IMPORT | PARAM | SCHEMA | SOURCE | TABLE | EXPECT | FEATURES | SPLIT | MODEL | TUNE | TEST | DEPLOY | MONITOR | FN | EXTERN | LOSS | LAYER
  | FROM | PREDICT | LEARN | MEASURE | AGAINST | SERVES | INCREASING | DECREASING | MAXIMIZE | MINIMIZE | BUDGET | MATCHES | ONE_OF | ORDERED | ZONE | LINK | EXCEPT | SERVE | ON
  ;

// ---- tokens: words

PIPELINE : 'pipeline' ;
IMPORT   : 'import' ;
PARAM    : 'param' ;
SCHEMA   : 'schema' ;
SOURCE   : 'source' ;
TABLE    : 'table' ;
EXPECT   : 'expect' ;
FEATURES : 'features' ;
SPLIT    : 'split' ;
MODEL    : 'model' ;
TUNE     : 'tune' ;
TEST     : 'test' ;
DEPLOY   : 'deploy' ;
MONITOR  : 'monitor' ;
FN       : 'fn' ;
EXTERN   : 'extern' ;
LOSS     : 'loss' ;
LAYER    : 'layer' ;

FROM : 'from' ;
PREDICT : 'predict' ;
LEARN : 'learn' ;
MEASURE : 'measure' ;
AGAINST : 'against' ;
SERVES : 'serves' ;
SERVE : 'serve' ;
ON : 'on' ;
REQUIRE : 'require' ;
INVARIANT : 'invariant' ;
MONOTONE : 'monotone' ;
INCREASING : 'increasing' ;
DECREASING : 'decreasing' ;
MAXIMIZE : 'maximize' ;
MINIMIZE : 'minimize' ;
GIVEN : 'given' ;
WITHIN : 'within' ;
BUDGET : 'budget' ;
WARN : 'warn' ;
ALERT : 'alert' ;
FOR : 'for' ;
BY : 'by' ;
MATCHES : 'matches' ;
ONE_OF : 'one_of' ;
ORDERED : 'ordered' ;
ZONE : 'zone' ;
LINK : 'link' ;
EXCEPT : 'except' ;

IF : 'if' ;
THEN : 'then' ;
ELSE : 'else' ;
AND : 'and' ;
OR : 'or' ;
NOT : 'not' ;
IN : 'in' ;
LET : 'let' ;
TRUE : 'true' ;
FALSE : 'false' ;
NULL_ : 'null' ;

// ---- tokens: signs

PIPE : '|>' ;
ARROW : '->' ;
RANGE : '..' ;
EQ : '==' ;
NE : '!=' ;
LE : '<=' ;
GE : '>=' ;
LT : '<' ;
GT : '>' ;
ASSIGN : '=' ;
PLUS : '+' ;
MINUS : '-' ;
STAR : '*' ;
SLASH : '/' ;
PERCENT : '%' ;
AT : '@' ;
CARET : '^' ;
QUESTION : '?' ;
COLON : ':' ;
COMMA : ',' ;
DOT : '.' ;
LPAREN : '(' ;
RPAREN : ')' ;
LBRACKET : '[' ;
RBRACKET : ']' ;
LBRACE : '{' ;
RBRACE : '}' ;

// ---- tokens: values. Shape only; compiler/parse/scan checks units, escapes and the calendar, and says what is wrong.

NUMBER : DIGITS ('.' DIGITS)? ([eE] [+\-]? DIGITS)? ('%' | [a-zA-Z_] [a-zA-Z0-9_]*)? ;
DATE : '@' [0-9] [0-9A-Za-z:_\-]* ;
ATTRIBUTE : '@' START PART* ;
STRING : '"' (~["\\\n] | '\\' ~[\n])* '"' ;
QUOTED : '`' (~[`\\\n] | '\\' ~[\n])* '`' ;
IDENTIFIER : START PART* ;

fragment DIGITS : [0-9] [0-9_]* ;
// ASCII and the name characters of XML 1.0 without the invisible ones; the same set is in format/spell.
fragment START
  : [A-Za-z_] | [\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u02FF\u0370-\u037D\u037F-\u1FFF\u2070-\u218F\u2C00-\u2FEF]
  | [\u3001-\uD7FF\uF900-\uFDCF\uFDF0-\uFEFE\uFF00-\uFFFD] | [\u{10000}-\u{EFFFF}]
  ;
fragment PART : START | [0-9\u00B7\u0300-\u036F\u203F-\u2040] ;

// ---- tokens: layout and comments

NEWLINE : '\n' ;
BLANK : [ \t\r]+ -> skip ;
DOC : '///' ~[\n]* ;
COMMENT : '//' ~[\n]* ;

// ---- tokens: what is not in the language but easily written; scan says what to write instead

OPEN_STRING : '"' (~["\\\n] | '\\' ~[\n])* '\\'? ;
OPEN_QUOTED : '`' (~[`\\\n] | '\\' ~[\n])* '\\'? ;
SINGLE_QUOTED : '\'' ~['\n]* '\'' ;
BLOCK_COMMENT : '/*' .*? '*/' ;
HASH_COMMENT : '#' ~[\n]* ;
FOREIGN : '&&' | '||' | '!' | '**' | ';' | ':=' | '=>' | '===' | '<>' ;
STRAY : . ;
