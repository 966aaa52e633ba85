/**
 * Keeps the expert inside the subset of MQL5 that MetaEditor and g++ both accept, and both read in the same way. There is
 * no MetaEditor here: what only it would refuse must be refused by these rules.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

const folder = join(import.meta.dirname, '../../native/mt5-bridge/expert');

interface Line {
  readonly number: number;
  /** Without comments; the content of string literals is gone. */
  readonly text: string;
}

/** Which compiler sees a line. */
interface Source {
  readonly both: readonly Line[];
  readonly mql5: readonly Line[];
}

/** Comments become blanks, "text" becomes "". Literals of dates and colours, D'…' and C'…', stay. */
function stripped(text: string): string {
  const tokens = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])'/g;
  return text.replace(tokens, (token) => {
    if (token.startsWith('"')) return '""';
    if (token.startsWith("'")) return "' '";
    return token.replace(/[^\n]/g, ' ');
  });
}

/** Follows `#ifdef __MQL5__` and `#ifndef __MQL5__`; other conditions are seen by both. */
function read(text: string): Source {
  const both: Line[] = [];
  const mql5: Line[] = [];
  const seenBy: ('both' | 'mql5' | 'cpp')[] = [];
  // The content of strings is gone from what is looked at, but an include's path is wanted.
  const original = text.split('\n');
  for (const [index, code] of stripped(text).split('\n').entries()) {
    const condition = /^\s*#\s*(ifdef|ifndef)\s+(\w+)/.exec(code);
    if (condition) {
      const about = condition[2] === '__MQL5__';
      seenBy.push(about ? (condition[1] === 'ifdef' ? 'mql5' : 'cpp') : 'both');
      continue;
    }
    const last = seenBy.at(-1);
    if (/^\s*#\s*else\b/.test(code) && last !== undefined) {
      seenBy[seenBy.length - 1] = last === 'mql5' ? 'cpp' : last === 'cpp' ? 'mql5' : 'both';
      continue;
    }
    if (/^\s*#\s*endif\b/.test(code)) {
      seenBy.pop();
      continue;
    }
    const line = { number: index + 1, text: /^\s*#\s*include\b/.test(code) ? original[index]! : code };
    if (seenBy.includes('cpp')) continue;
    mql5.push(line);
    if (!seenBy.includes('mql5')) both.push(line);
  }
  return { both, mql5 };
}

interface Rule {
  readonly name: string;
  readonly pattern: RegExp;
  readonly instead: string;
  /** Also where only MQL5 sees it. */
  readonly everywhere?: boolean;
}

const types = 'bool|char|uchar|short|ushort|int|uint|long|ulong|float|double|string|datetime|color';

const rules: readonly Rule[] = [
  { name: 'array reference', pattern: /&\s*\w+\s*\[\s*\]/, instead: 'a struct that holds the array' },
  { name: 'dynamic array', pattern: /\b\w+\s+\w+\s*\[\s*\](?!\s*[,)])/, instead: 'a fixed array' },
  { name: '#if', pattern: /^\s*#\s*(if|elif)\b/, instead: '#ifdef and #ifndef', everywhere: true },
  { name: '#pragma', pattern: /^\s*#\s*pragma\b/, instead: '#ifndef __MQL5__ around it', everywhere: true },
  { name: 'MQL5 directive', pattern: /^\s*#\s*(property|import|resource)\b/, instead: '#ifdef __MQL5__ around it' },
  {
    name: 'include',
    pattern: /^\s*#\s*include\s+(?!"[\w./-]+\.mqh"\s*(\/\/.*)?$)/,
    instead: '#include "path/name.mqh"',
  },
  { name: 'date or colour literal', pattern: /\b[DC]'/, instead: 'a number' },
  { name: 'NULL', pattern: /\b(NULL|nullptr)\b/, instead: '"" for strings' },
  { name: 'two literals joined', pattern: /""\s*\+?\s*""/, instead: 'one literal, or StringFormat' },
  { name: 'string and number', pattern: /""\s*\+\s*\d|\d\s*\+\s*""/, instead: 'StringFormat' },
  {
    name: 'functional cast',
    pattern: new RegExp(`(?<![\\w.])(${types})\\s*\\((?!\\s*\\))`),
    instead: '(type)value, or StringFormat for text',
  },
  { name: 'object pointers', pattern: /\bnew\s+\w+|\bdelete\s+\w+|->|\bdynamic_cast\b/, instead: 'structs by value' },
  {
    name: 'C++ alone',
    pattern:
      /\b(auto|constexpr|static_cast|reinterpret_cast|namespace|using|nullptr|noexcept|decltype|static_assert|inline|unsigned|signed|size_t|u?int(8|16|32|64)_t)\b|\bstd\s*::|\[\s*[&=]?\s*\]\s*\(/,
    instead: 'what MQL5 has too',
  },
  { name: 'number to enum', pattern: /\bENUM_\w+\s+\w+\s*=\s*-?\d/, instead: 'the name, or a cast' },
  { name: '{0}', pattern: /=\s*\{\s*0\s*\}/, instead: '= {} or ZeroMemory' },
  {
    name: 'braces',
    pattern: /^(?!.*\b(struct|enum|class)\b).*\b\w+\s+\w+\s*\{[^{}]*\}\s*;/,
    instead: '= {} or ZeroMemory',
  },
  { name: 'local reference', pattern: /^\s*(const\s+)?[A-Za-z_]\w*\s*&\s*\w+\s*=[^=]/, instead: 'the element itself' },
  { name: 'range for', pattern: /\bfor\s*\([^;?()]*:[^;()]*\)/, instead: 'for with an index' },
  { name: 'input group or array', pattern: /\binput\s+(group\b|\w+\s+\w+\s*\[)/, instead: 'plain inputs' },
  {
    name: 'keyword as a name',
    pattern: new RegExp(
      `\\b(?!return\\b)\\w+\\s+&?(input|sinput|group|operator|virtual|template|this|${types})\\s*[;=,.)]`,
    ),
    instead: 'another name',
  },
  { name: 'array functions', pattern: /\b(ArrayResize|ArraySetAsSeries|ArrayFree)\b/, instead: 'fixed arrays' },
  { name: 'matrix or vector', pattern: /\b(matrix|vector)\s+\w+/, instead: 'arrays' },
  {
    name: 'methods of strings',
    pattern: /\.\s*(Len|Find|Substr|size|length|c_str|substr|find|empty)\s*\(/,
    instead: 'StringLen, StringFind, StringSubstr',
  },
  {
    name: 'suffix or separator of a number',
    pattern: /\b(0x[0-9A-Fa-f]+|\d+)([uU][lL]*|[lL]+[uU]?)\b|\d'\d/,
    instead: 'a cast',
  },
  {
    name: 'more than eight macro parameters',
    pattern: /^\s*#\s*define\s+\w+\((?:[^,)]*,){8,}[^)]*\)/,
    instead: 'at most eight',
    everywhere: true,
  },
  { name: 'backslash in a path', pattern: /^\s*#\s*include\s+"[^"]*\\/, instead: 'forward slashes', everywhere: true },
  { name: 'C array of bytes', pattern: /\bsizeof\s+\w/, instead: 'sizeof(x)' },
];

/** Members with values: MQL5 has none. Structs of this code are one level deep. */
function memberValues(path: string, lines: readonly Line[]): string[] {
  const found: string[] = [];
  let inside = false;
  for (const { number, text } of lines) {
    if (/^\s*struct\s+\w+\s*\{/.test(text)) inside = true;
    else if (/^\};/.test(text)) inside = false;
    else if (inside && /^\s*[\w ]+\s\w+(\[\w+\])?\s*=/.test(text)) {
      found.push(`${path}:${number}: value of a member: set it where the struct is made`);
    }
  }
  return found;
}

function violations(path: string, text: string): string[] {
  const { both, mql5 } = read(text);
  const found = rules.flatMap(({ name, pattern, instead, everywhere }) =>
    (everywhere ? mql5 : both)
      .filter((line) => pattern.test(line.text))
      .map(({ number }) => `${path}:${number}: ${name}: use ${instead}`),
  );
  found.push(...memberValues(path, both));
  const guard = /^#ifndef (TROUPE_\w+_MQH)\n#define \1\n/m.test(text);
  if (path.endsWith('.mqh') && !guard) found.push(`${path}:1: include guard: begin with #ifndef TROUPE_…_MQH`);
  return found;
}

const guarded = (text: string) => `#ifndef TROUPE_X_MQH\n#define TROUPE_X_MQH\n${text}\n#endif\n`;

describe('the expert stays inside the common subset of MQL5 and C++', () => {
  test('all of its sources', () => {
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /\.mq[h5]$/.test(name));
    assert.ok(names.length > 20, names.join(' '));
    assert.deepEqual(
      names.flatMap((name) => violations(name, readFileSync(join(folder, name), 'utf8'))),
      [],
    );
  });

  const offences: [string, string][] = [
    ['array reference', 'void F(uchar &bytes[], int n) {}'],
    ['array reference', 'void F(const MqlTick &ticks[]) {}'],
    ['dynamic array', 'MqlTick ticks[];'],
    ['dynamic array', 'static uchar bytes[] ;'],
    ['#if', '#if X > 1'],
    ['#if', '#ifdef __MQL5__\n#elif Y\n#endif'],
    ['#pragma', '#pragma pack(push, 1)'],
    ['#pragma', '#ifdef __MQL5__\n#pragma once\n#endif'],
    ['MQL5 directive', '#property strict'],
    ['MQL5 directive', '#import "x.dll"'],
    ['include', '#include <Trade/Trade.mqh>'],
    ['include', '#include "types.h"'],
    ['date or colour literal', "datetime t = D'2026.01.01';"],
    ['NULL', 'if (text == NULL) return;'],
    ['two literals joined', 'Print("a" + "b");'],
    ['two literals joined', 'Print("a" "b");'],
    ['string and number', 'Print("a" + 1);'],
    ['functional cast', 'int x = int(y);'],
    ['functional cast', 'Print(string(y));'],
    ['object pointers', 'Thing *t = new Thing();'],
    ['object pointers', 'x->y = 1;'],
    ['C++ alone', 'auto x = 1;'],
    ['C++ alone', 'std::sort(a, b);'],
    ['C++ alone', 'Sort([&](int a) { return a; });'],
    ['C++ alone', 'const size_t n = 1;'],
    ['number to enum', 'ENUM_ORDER_TYPE type = 0;'],
    ['{0}', 'MqlTradeRequest request = {0};'],
    ['braces', 'MqlTick tick{};'],
    ['local reference', '  const SymbolFeed &feed = g_symbols[i];'],
    ['range for', 'for (int x : all) F(x);'],
    ['input group or array', 'input group "Link";'],
    ['input group or array', 'input int X[3];'],
    ['keyword as a name', 'ProofInput input;'],
    ['keyword as a name', 'void F(int color) {}'],
    ['array functions', 'ArrayResize(a, 5);'],
    ['matrix or vector', 'vector v;'],
    ['methods of strings', 'int n = text.Len();'],
    ['methods of strings', 'int n = text.size();'],
    ['suffix or separator of a number', 'ulong x = 1ULL;'],
    ['suffix or separator of a number', "int x = 1'000;"],
    ['more than eight macro parameters', '#define M(a, b, c, d, e, f, g, h, i) a'],
    ['backslash in a path', '#include "sockets\\client.mqh"'],
    ['C array of bytes', 'int n = (int)sizeof x;'],
    ['value of a member', 'struct S {\n  int a;\n  int b = 1;\n};'],
  ];
  for (const [name, text] of offences) {
    test(`${name}: ${JSON.stringify(text)}`, () => {
      const found = violations('x.mqh', guarded(text));
      assert.ok(
        found.some((line) => line.includes(`: ${name}: `)),
        found.join('\n'),
      );
    });
  }

  test('include guard', () => {
    assert.match(violations('x.mqh', 'int x;')[0]!, /include guard/);
    assert.deepEqual(violations('x.mq5', 'int x;'), []);
  });

  test('every rule is proved by at least one of these', () => {
    const proved = new Set(offences.map(([name]) => name));
    assert.deepEqual(
      rules.filter(({ name }) => !proved.has(name)),
      [],
    );
  });

  test('lets alone what only looks like it', () => {
    for (const text of [
      '// auto NULL #if new Thing() D\'2026\' "a" + "b"',
      '/* MqlTick ticks[]; */',
      'Print("uchar &a[] NULL new x");',
      '#ifdef __MQL5__\n#property strict\n#import "x.dll"\nint f(uchar &a[], int n);\n#import\n#endif',
      '#ifndef __MQL5__\n#pragma pack(push, 1)\nnamespace x {}\n#endif',
      '#ifdef __MQL5__\nuchar bytes[];\n#else\nstd::vector<int> v;\n#endif',
      '#ifdef TROUPE_SOCKETS\n#include "sockets/client.mqh"\n#else\n#include "link-dll.mqh"\n#endif',
      'template <typename T>\nbool F(T &to, string text) { return (int)sizeof(T) > 0; }',
      'MqlTradeRequest request = {};\nENUM_ORDER_TYPE type = (ENUM_ORDER_TYPE)0;',
      'struct S {\n  int a;\n};\nint F() {\n  int b = 1;\n  return b;\n}',
      'string line = first + "x";\nuint h = 0xEDB88320;',
      "if (c >= '0' && c <= '9') return c - '0';",
      'const bool a = (flags & mask) == mask;\nlong x = a ? (long)1 : 2;',
    ]) {
      assert.deepEqual(violations('x.mqh', guarded(text)), [], text);
    }
  });

  test('and says where and what to use instead', () => {
    const [found] = violations('x.mqh', guarded('\n\nint x = int(y);'));
    assert.equal(found, 'x.mqh:5: functional cast: use (type)value, or StringFormat for text');
  });
});
