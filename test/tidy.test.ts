import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EXIT_CLASSES } from '../src/cli/exit-classes.ts';

/** The rules of this code that a compiler does not know. Where one is in the way of something clearer, change it here. */

const root = new URL('..', import.meta.url).pathname;

interface SourceFile {
  /** From the root: `src/base/bytes.ts`. */
  readonly path: string;
  readonly text: string;
  /** Without comments. */
  readonly code: string;
  readonly imports: readonly Import[];
}

interface Import {
  readonly from: string;
  /** Path from the root for our own files, else undefined. */
  readonly target: string | undefined;
  readonly typeOnly: boolean;
  readonly lazy: boolean;
}

function listFiles(directory: string): string[] {
  return readdirSync(join(root, directory), { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return listFiles(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
}

function readSource(path: string): SourceFile {
  const text = readFileSync(join(root, path), 'utf8');
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');
  return { path, text, code, imports: importsOf(path, code) };
}

function importsOf(path: string, code: string): Import[] {
  const fixed = code.matchAll(/^(?:import|export)\s(type\s)?[^;'"]*?from\s+'([^']+)';/gm);
  const bare = code.matchAll(/^import\s+'([^']+)';/gm);
  const lazy = code.matchAll(/\bimport\('([^']+)'\)/g);
  return [
    ...Array.from(fixed, ([, type, from]) => made(path, from!, type !== undefined, false)),
    ...Array.from(bare, ([, from]) => made(path, from!, false, false)),
    ...Array.from(lazy, ([, from]) => made(path, from!, false, true)),
  ];
}

function made(path: string, from: string, typeOnly: boolean, lazy: boolean): Import {
  const target = from.startsWith('.') ? relative(root, join(root, dirname(path), from)) : undefined;
  return { from, target, typeOnly, lazy };
}

const sources = listFiles('src').map(readSource);
const tests = listFiles('test').map(readSource);

/** The layer of a file: its folder, with those of the CLI told apart. */
function layerOf(path: string): string {
  const [, first, second, third] = path.split('/');
  return first === 'cli' && third !== undefined ? `cli/${second}` : first!;
}

/**
 * DESIGN section 7. A name is a layer, or one file of it. Against its table: commands may import the pure layers `base`
 * and `interface-block`, since they show blocks, and of `lun` and `array` what a LUN, the report on one and an array description are.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  'interface-block': ['base'],
  scsi: ['base'],
  iscsi: ['base'],
  lun: ['base', 'scsi', 'iscsi'],
  array: ['base', 'interface-block', 'scsi', 'src/lun/lun.ts', 'src/lun/zero-blocks.ts', 'src/lun/atomic-write.ts'],
  host: ['base', 'interface-block', 'src/lun/lun.ts'],
  replication: ['base', 'interface-block', 'host'],
  'cli/demo': ['base', 'host', 'replication', 'cli', 'cli/config', 'src/lun/lun.ts'],
  'cli/commands': [
    'base',
    'interface-block',
    'host',
    'replication',
    'cli',
    'cli/demo',
    'cli/config',
    'cli/render',
    'cli/transfer',
    'src/lun/lun.ts',
    'src/lun/examination.ts',
  ],
  'cli/render': [
    'base',
    'interface-block',
    'host',
    'replication',
    'cli',
    'cli/commands',
    'cli/demo',
    'cli/transfer',
    'src/lun/examination.ts',
    'src/scsi/field-table.ts',
  ],
  'cli/transfer': ['base', 'cli', 'src/lun/lun.ts', 'src/lun/zero-blocks.ts'],
  'cli/config': ['cli', 'replication', 'cli/render', 'src/array/description.ts'],
  'cli/catalogue': ['cli', 'cli/commands', 'cli/render'],
  cli: [
    'base',
    'interface-block',
    'host',
    'replication',
    'cli/catalogue',
    'cli/commands',
    'cli/config',
    'cli/render',
    'cli/transfer',
    'src/lun/lun.ts',
    'src/lun/examination.ts',
    'src/lun/zero-blocks.ts',
    'src/array/description.ts',
  ],
  'cli/wiring': [
    'base',
    'scsi',
    'iscsi',
    'interface-block',
    'lun',
    'array',
    'host',
    'replication',
    'cli',
    'cli/config',
    'cli/commands',
  ],
};

const ENTRY = 'src/cli/main.ts';

describe('imports', () => {
  it('follow the table of layers', () => {
    const wrong = sources.flatMap(({ path, imports }) =>
      imports
        .filter(({ target }) => target !== undefined && !mayImport(path, target))
        .map(({ target }) => `${path} -> ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  it('name files that exist, with their extension', () => {
    const missing = [...sources, ...tests].flatMap(({ path, imports }) =>
      imports
        .filter(({ target }) => target !== undefined && !existsSync(join(root, target)))
        .map(({ from }) => `${path}: ${from}`),
    );
    expect(missing).toEqual([]);
  });

  it('reach the wiring from the entry only, and lazily', () => {
    const importers = sources.filter(
      ({ path, imports }) =>
        layerOf(path) !== 'cli/wiring' && imports.some(({ target }) => target?.startsWith('src/cli/wiring/')),
    );
    expect(importers.map(({ path }) => path)).toEqual([ENTRY]);
    const eager = importers
      .flatMap(({ imports }) => imports)
      .filter(({ target, lazy }) => !lazy && target?.includes('/wiring/'));
    expect(eager).toEqual([]);
  });

  it('take only types from commands into renderers', () => {
    const values = sources
      .filter(({ path }) => layerOf(path) === 'cli/render')
      .flatMap(({ path, imports }) =>
        imports.filter(({ target, typeOnly }) => target?.startsWith('src/cli/commands/') && !typeOnly).map(() => path),
      );
    expect(values).toEqual([]);
  });

  it('have no default exports', () => {
    expect(sources.filter(({ code }) => /^export default\b/m.test(code)).map(({ path }) => path)).toEqual([]);
  });
});

function mayImport(path: string, target: string): boolean {
  const layer = layerOf(path);
  if (layerOf(target) === layer) return true;
  if (path === ENTRY && target.startsWith('src/cli/wiring/')) return true;
  return (MAY_IMPORT[layer] ?? []).some((allowed) => allowed === target || allowed === layerOf(target));
}

/** Each ambient thing has one home, where it is made into an interface that is handed in. */
const HOMES: readonly { readonly what: string; readonly name: RegExp; readonly homes: readonly string[] }[] = [
  {
    what: 'clock and timers',
    name: /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|(?<![.\w])(?:setTimeout|setInterval|setImmediate)\(/,
    homes: ['src/lun/real-clock.ts'],
  },
  {
    what: 'randomness',
    name: /\bMath\.random\b|\b(?:randomBytes|randomInt|randomUUID|getRandomValues|randomFill)\b/,
    homes: ['src/lun/real-random.ts'],
  },
  { what: 'files', name: /'node:fs(?:\/promises)?'/, homes: ['src/lun/', 'src/cli/wiring/'] },
  { what: 'network', name: /'node:(?:net|tls|dgram|http|https)'/, homes: ['src/lun/socket.ts', 'src/cli/wiring/'] },
  { what: 'processes', name: /'node:child_process'/, homes: ['src/cli/wiring/'] },
  { what: 'threads', name: /'node:worker_threads'/, homes: ['src/lun/'] },
  { what: 'the machine', name: /'node:os'/, homes: ['src/cli/wiring/'] },
  {
    what: 'the process',
    name: /(?<![.\w])process\.(?:stdout|stderr|stdin|env|argv|exit|exitCode|on|once|off|pid|cwd|hrtime|nextTick|kill|getuid|execPath|memoryUsage|platform)\b/,
    homes: [ENTRY, 'src/cli/wiring/'],
  },
  { what: 'process.exit, which cuts piped output short', name: /(?<![.\w])process\.exit\(/, homes: [] },
  { what: 'console', name: /(?<![.\w])console\./, homes: [] },
];

describe('ambient names', () => {
  it.each(HOMES)('$what', ({ name, homes }) => {
    const strays = sources.filter(({ path, code }) => name.test(code) && !homes.some((home) => path.startsWith(home)));
    expect(strays.map(({ path }) => path)).toEqual([]);
  });
});

/** Parts that only tests and simulations use, and why they belong to the product all the same. */
const FOR_TESTS: readonly string[] = [
  // DESIGN section 7: the in-memory LUN.
  'src/lun/memory-lun.ts',
];

describe('files', () => {
  it('are all reached from the entry', () => {
    const reached = new Set<string>([ENTRY]);
    const byPath = new Map(sources.map((source) => [source.path, source]));
    for (const path of reached) {
      for (const { target } of byPath.get(path)?.imports ?? []) if (target !== undefined) reached.add(target);
    }
    const lonely = sources.map(({ path }) => path).filter((path) => !reached.has(path) && !FOR_TESTS.includes(path));
    expect(lonely).toEqual([]);
  });

  /** Tables may be longer; a file over the limit that is none is a ratchet: the number may only fall. */
  const LINE_LIMIT = 400;
  const TABLES = ['src/interface-block/process-table.ts', 'src/scsi/opcode-table.ts'];
  const LONGER: Readonly<Record<string, number>> = { 'src/iscsi/target-pdus.ts': 407 };

  it('are short', () => {
    const long = sources
      .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
      .filter(({ path, lines }) => lines > (LONGER[path] ?? LINE_LIMIT) && !TABLES.includes(path));
    expect(long).toEqual([]);
  });

  const FUNCTION_LIMIT = 60;
  /** A ratchet: it may only fall. */
  const LONG_FUNCTIONS = 1;

  it('have functions that fit a screen', () => {
    const long = sources.flatMap(({ path, text }) =>
      longFunctions(text, FUNCTION_LIMIT).map(({ line, lines }) => `${path}:${line} has ${lines} lines`),
    );
    expect(long.length, long.join('\n')).toBeLessThanOrEqual(LONG_FUNCTIONS);
  });

  it('leave nothing for later', () => {
    const later = new RegExp(
      `\\b(?:${['TO', 'FIX', 'X'].map((word) => `${word}${word === 'TO' ? 'DO' : word === 'FIX' ? 'ME' : 'XX'}`).join('|')})\\b`,
    );
    const unfinished = [...sources, ...tests].filter(({ text }) => later.test(text));
    expect(unfinished.map(({ path }) => path)).toEqual([]);
  });

  it('skip and single out no test', () => {
    const odd = new RegExp(`\\b(?:it|test|describe)\\.(?:${['sk' + 'ip', 'on' + 'ly', 'to' + 'do'].join('|')})\\b`);
    expect(tests.filter(({ code }) => odd.test(code)).map(({ path }) => path)).toEqual([]);
  });
});

/**
 * Functions by indentation, which the formatter guarantees: from `function` or a method's head to its closing brace. Of a
 * closure that holds the state of one part, the functions inside it count by themselves.
 */
function longFunctions(text: string, limit: number): { line: number; lines: number }[] {
  const spans = functionSpans(text.split('\n'));
  return spans.flatMap(({ start, end }) => {
    const inner = spans.filter((other) => other.start > start && other.end < end);
    const covered = new Set(
      inner.flatMap((each) => Array.from({ length: each.end - each.start + 1 }, (_, step) => each.start + step)),
    );
    const lines = end - start + 1 - covered.size;
    return lines > limit ? [{ line: start + 1, lines }] : [];
  });
}

function functionSpans(lines: readonly string[]): { start: number; end: number }[] {
  const head =
    /^( *)(?:export )?(?:async )?(?:function\b|const \w+ = (?:async )?\(.*=> \{$|(?:private |static |override |readonly )*(?:async )?[#\w]+\([^;]*\).*\{$)/;
  return lines.flatMap((line, start) => {
    const match = head.exec(line);
    if (!match || /^ *(?:if|for|while|switch|catch|return|else|it|describe)\b/.test(line)) return [];
    const end = lines.findIndex((other, at) => at > start && new RegExp(`^${match[1]}\\}[,;)]*$`).test(other));
    return end > start ? [{ start, end }] : [];
  });
}

/** STYLE 34. Where a package is imported, other than as a type. */
const DEPENDENCY_HOMES: Readonly<Record<string, string>> = {
  chalk: 'src/cli/render/',
  'cli-table3': 'src/cli/render/',
  ora: 'src/cli/render/',
  'js-yaml': 'src/cli/config/',
  commander: 'src/cli/program.ts',
};

describe('dependencies', () => {
  it('have one home each', () => {
    const wrong = sources.flatMap(({ path, imports }) =>
      imports
        .filter(({ target, from }) => target === undefined && !from.startsWith('node:'))
        .filter(({ from }) => !(from in DEPENDENCY_HOMES) || !path.startsWith(DEPENDENCY_HOMES[from]!))
        .map(({ from }) => `${path}: ${from}`),
    );
    expect(wrong).toEqual([]);
  });

  it('come from the public registry, checked by hash', () => {
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { resolved?: string; integrity?: string; link?: boolean }>;
    };
    const packages = Object.entries(lock.packages).filter(([path]) => path !== '');
    const strange = packages.filter(
      ([, { resolved }]) => resolved !== undefined && new URL(resolved).host !== 'registry.npmjs.org',
    );
    expect(strange.map(([path]) => path)).toEqual([]);
    expect(packages.filter(([, { integrity }]) => integrity === undefined).map(([path]) => path)).toEqual([]);
  });

  it('are pinned, and none is needed at run time', () => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      dependencies?: object;
      devDependencies: Record<string, string>;
    };
    expect(dependencies).toBeUndefined();
    expect(Object.values(devDependencies).filter((version) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });
});

/** Words that belong to how a text came to be, and paths of one machine: no part of the project. */
const FOREIGN = new RegExp(
  [
    ['/work', '/'],
    ['/tmp', '/plan'],
    ['\\bhelper ', '[A-G]\\b'],
    ['\\b(?:language ', 'model|chat', 'bot)\\b'],
    ['\\bA', 'I\\b'],
  ]
    .map((parts) => parts.join(''))
    .join('|'),
);

describe('words', () => {
  const documents = ['README.md', 'CHANGELOG.md', '.ci/run', 'bin/build.mjs', 'package.json'];
  const readmes = readdirSync(join(root, 'src')).map((layer) => `src/${layer}/README.md`);

  it('speak of the project alone', () => {
    const paths = [...documents, ...readmes].filter((path) => existsSync(join(root, path)));
    const texts = paths.map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
    expect([...texts, ...sources, ...tests].filter(({ text }) => FOREIGN.test(text)).map(({ path }) => path)).toEqual(
      [],
    );
  });

  it('of the README begin with the two commands, and list the exit codes', () => {
    const readme = readFileSync(join(root, 'README.md'), 'utf8');
    expect(readme).toContain('npm ci && npm run demo');
    expect(readme).toContain('npm ci && npm test');
    const missing = Object.values(EXIT_CLASSES).filter(
      ({ code, meaning }) => !readme.includes(String(code)) || !readme.includes(meaning),
    );
    expect(missing).toEqual([]);
  });
});

describe('the top level', () => {
  it('holds only what belongs there', () => {
    const allowed = new Set([
      'package.json',
      'package-lock.json',
      'tsconfig.json',
      'README.md',
      'CHANGELOG.md',
      'bin',
      'src',
      'test',
      'fixtures',
      'dist',
      'node_modules',
    ]);
    const strays = readdirSync(root).filter((name) => !name.startsWith('.') && !allowed.has(name));
    expect(strays).toEqual([]);
  });
});
