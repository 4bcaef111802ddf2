import { spawn } from '@lydell/node-pty';
import { plainEnvironment, PROGRAM } from './run-program.ts';

export interface Screen {
  readonly code: number;
  /** Everything that the terminal was sent, standard output and error mixed. */
  readonly output: string;
  /** True where it had to be killed. */
  readonly killed: boolean;
}

/** node-pty replaces 0 by 80; the kernel keeps 16 bits of this, which are zero. */
const NO_COLUMNS = 0x10000;

/** The built program on a pseudo-terminal of that size. Killed when it has said too much: a hanging spinner writes for ever. */
export function onTerminal(
  argv: readonly string[],
  size: { readonly columns: number; readonly rows: number },
  environment: Readonly<Record<string, string>> = {},
  answer?: string,
): Promise<Screen> {
  const limit = 200_000;
  const env = { TERM: 'xterm-256color', ...plainEnvironment(environment) } as Record<string, string>;
  const cols = size.columns || NO_COLUMNS;
  const rows = size.rows || NO_COLUMNS;
  const terminal = spawn(process.execPath, [PROGRAM, ...argv], { env, cols, rows });
  let output = '';
  let killed = false;
  let answered = false;
  return new Promise((resolve) => {
    terminal.onData((data) => {
      output += data;
      if (answer !== undefined && !answered && output.includes('to go on: ')) {
        answered = true;
        terminal.write(`${answer}\r`);
      }
      if (output.length < limit || killed) return;
      killed = true;
      terminal.kill('SIGKILL');
    });
    terminal.onExit(({ exitCode }) => resolve({ code: exitCode, output, killed }));
  });
}
