import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT_CLASSES } from '../src/cli/exit-classes.ts';
import { temporaryDirectory } from './cli/support/run-program.ts';

/**
 * Every command that the README shows is carried out, in its order, by one shell in a copy of the tree, and must end with
 * the exit code that stands beside it (`# exits 8: why`; else 0).
 */

const root = new URL('..', import.meta.url).pathname;
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const scripts = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).scripts as Record<string, string>;
const place = temporaryDirectory();
const clone = join(place.path, 'cdctl');

interface Block {
  readonly language: string;
  /** Of its first command, in the README. */
  readonly line: number;
  readonly lines: readonly string[];
}

function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  let open: { language: string; line: number; lines: string[] } | undefined;
  for (const [index, text] of markdown.split('\n').entries()) {
    if (open && text === '```') {
      blocks.push(open);
      open = undefined;
    } else if (open) open.lines.push(text);
    else if (text.startsWith('```')) open = { language: text.slice(3), line: index + 2, lines: [] };
  }
  return blocks;
}

const blocks = blocksOf(readme);
const shown = blocks.filter(({ language }) => language === 'sh');

/** What is not carried out as it stands, and why. */
const NOT_HERE: Readonly<Record<string, string>> = {
  'npm ci && npm run demo': 'the packages are here already; the demonstration runs in the block that follows',
  'npm ci && npm test': 'this is it',
  'npm run check:types': 'a check of the whole tree beside this one, which .ci/run makes',
  'npm run check:lint': 'a check of the whole tree beside this one, which .ci/run makes',
  'npm run check:format': 'a check of the whole tree beside this one, which .ci/run makes',
};

interface Ran {
  readonly status: number;
  readonly output: string;
}

/** One shell for the whole page: what a block exports, the next one has. */
class Session {
  readonly #shell: ChildProcess;
  #output = '';
  #commands = 0;
  #wake: () => void = () => undefined;

  constructor() {
    // Detached: a process group of its own, which can be ended as a whole.
    this.#shell = spawn('bash', ['--noprofile', '--norc'], { cwd: clone, env: environment(), detached: true });
    for (const stream of [this.#shell.stdout!, this.#shell.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
        this.#wake();
      });
    }
    this.#shell.stdin!.write('exec 2>&1\n');
  }

  async run(command: string): Promise<Ran> {
    const mark = `--- command ${(this.#commands += 1)} ended with`;
    this.#output = '';
    this.#shell.stdin!.write(`{ ${command}\n} < /dev/null\nprintf '\\n%s %d.\\n' '${mark}' "$?"\n`);
    for (;;) {
      const end = new RegExp(`^${mark} (\\d+)\\.$`, 'm').exec(this.#output);
      if (end) return { status: Number(end[1]), output: this.#output.slice(0, end.index).trimEnd() };
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  end(): void {
    process.kill(-this.#shell.pid!, 'SIGKILL');
  }
}

function environment(): NodeJS.ProcessEnv {
  const { PATH = '/usr/bin:/bin' } = process.env;
  const home = join(place.path, 'home');
  return { PATH, HOME: home, TMPDIR: place.path, LANG: 'C.UTF-8', npm_config_update_notifier: 'false' };
}

let session: Session;

beforeAll(() => {
  for (const name of ['package.json', 'package-lock.json', 'README.md']) cpSync(join(root, name), join(clone, name));
  cpSync(join(root, 'bin'), join(clone, 'bin'), { recursive: true, verbatimSymlinks: true });
  for (const name of ['src', 'node_modules']) symlinkSync(join(root, name), join(clone, name));
  for (const { lines } of blocks.filter(({ language }) => language === 'yaml')) {
    writeFileSync(join(clone, 'cdctl.yaml'), lines.join('\n'));
  }
  session = new Session();
});

afterAll(async () => {
  // Whatever a block that failed has left behind.
  for (const directory of labs()) await session.run(`node bin/cdctl.mjs lab down --directory '${directory}'`);
  session.end();
  place.remove();
}, 60_000);

function labs(): string[] {
  const candidates = [join(clone, 'lab'), ...readdirSync(place.path).map((name) => join(place.path, name))];
  return candidates.filter((directory) => existsSync(join(directory, 'lab.json')));
}

const expectedStatus = (command: string): number => Number(/\s# exits (\d+)\b/.exec(command)?.[1] ?? 0);

async function carryOut(command: string): Promise<Ran> {
  const ran = await session.run(command);
  expect(ran.status, `${command}\n${ran.output}`).toBe(expectedStatus(command));
  return ran;
}

describe('README.md', () => {
  it.each(shown.map((block) => ({ ...block, first: block.lines[0] })))(
    'line $line: $first',
    async ({ lines }) => {
      for (const command of lines.filter((line) => line !== '')) {
        if (command in NOT_HERE) continue;
        const { output } = await carryOut(command);
        if (command.includes('--keep')) await tryNext(output);
      }
    },
    90_000,
  );

  /** The demonstration prints commands as well. */
  async function tryNext(output: string): Promise<void> {
    const [, next = ''] = output.split('Try next\n');
    const commands = next.trim().split('\n');
    expect(commands.length).toBeGreaterThan(5);
    for (const command of commands) await carryOut(command);
  }

  it('leaves nothing running, and no file', () => {
    const ours = (pid: string): boolean => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(clone);
      } catch {
        return false;
      }
    };
    expect(readdirSync('/proc').filter((name) => /^\d+$/.test(name) && ours(name))).toEqual([]);
    expect(readdirSync(place.path).filter((name) => !['cdctl', 'home'].includes(name))).toEqual([]);
    expect(readdirSync(clone).sort()).toEqual(
      [
        'README.md',
        'backup.secret',
        'bin',
        'cdctl.yaml',
        'dist',
        'node_modules',
        'package-lock.json',
        'package.json',
        'src',
      ].sort(),
    );
  });

  it('names scripts that exist', () => {
    const named = [...readme.matchAll(/\bnpm (?:run )?([a-z]+(?::[a-z]+)?)\b/g)].map(([, name]) => name!);
    expect(named.filter((name) => name !== 'ci' && !(name in scripts))).toEqual([]);
    expect(Object.keys(scripts).filter((name) => !named.includes(name))).toEqual([]);
  });

  it('leaves out only what it says why', () => {
    const commands = shown.flatMap(({ lines }) => lines);
    expect(Object.keys(NOT_HERE).filter((command) => !commands.includes(command))).toEqual([]);
    const ci = readFileSync(join(root, '.ci/run'), 'utf8');
    const checks = Object.keys(NOT_HERE).filter((command) => command.includes('check:'));
    expect(checks.filter((command) => !ci.includes(command.replace('npm run ', '')))).toEqual([]);
  });

  it('has the exit codes of the program', () => {
    const rows = [...readme.matchAll(/^\| (\d+) +\| (.*?) +\| (.*?) +\|$/gm)].map(([, code, meaning, advice]) => [
      Number(code),
      meaning,
      advice,
    ]);
    expect(rows).toEqual(Object.values(EXIT_CLASSES).map(({ code, meaning, advice }) => [code, meaning, advice]));
  });

  it('links to files that exist', () => {
    const links = [...readme.matchAll(/\]\(([^)]+)\)/g)].map(([, path]) => path!);
    expect(links.length).toBeGreaterThan(3);
    expect(links.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  it('says which of its words for the shell are files of another kind', () => {
    expect([...new Set(blocks.map(({ language }) => language))].sort()).toEqual(['sh', 'yaml']);
  });
});
