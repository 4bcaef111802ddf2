import { createInterface } from 'node:readline/promises';
import { EXIT_CLASSES } from './exit-classes.ts';
import { runProgram } from './run.ts';
import type { Input, Output, Shell } from './shell.ts';
import { VERSION } from './version.ts';

/** Runs the command line of this process; resolves with the exit code for `process.exitCode`. */
export async function start(): Promise<number> {
  watchMistakes();
  watchPipe(process.stdout);
  watchPipe(process.stderr);
  return await runProgram(process.argv.slice(2), createShell());
}

/**
 * What nobody caught, or a wait for what never comes, is a mistake of this program. Node's own exit codes for them, 1 and 13,
 * would be an answer here ("the state asked about does not hold"), or nothing that the table knows.
 */
function watchMistakes(): void {
  const { code, advice } = EXIT_CLASSES.bug;
  process.exitCode = code;
  process.once('uncaughtExceptionMonitor', (error) => {
    const command = process.argv.slice(2, 4).join(' ');
    process.stderr.write(`error: unexpected: ${error.name} [bug, exit ${code}]\nwhere: cdctl ${command}\n`);
    process.stderr.write(`why:   ${error.message}\nnext:  ${advice}\n`);
    process.once('exit', () => {
      process.exitCode = code;
    });
  });
}

function createShell(): Shell {
  return {
    version: VERSION,
    environment: process.env,
    stdout: outputTo(process.stdout),
    stderr: outputTo(process.stderr),
    input: createInput(),
    onStopSignal(callback) {
      const listener = (signal: string): void => callback(signal);
      process.on('SIGINT', listener);
      process.on('SIGTERM', listener);
      return () => {
        process.off('SIGINT', listener);
        process.off('SIGTERM', listener);
      };
    },
    services: async () =>
      (await import('./wiring/services.ts')).createServices({ programPath: process.argv[1] ?? '', version: VERSION }),
  };
}

type Stream = NodeJS.WriteStream & { columns?: number };

function outputTo(stream: Stream): Output {
  return {
    stream,
    get facts() {
      return { isTTY: stream.isTTY ?? false, columns: stream.columns ?? 0 };
    },
    write: (data) => {
      if (!stream.destroyed) stream.write(data);
    },
    taken: () => taken(stream),
  };
}

/** A pipe whose reader is slow, or gone. */
function taken(stream: Stream): Promise<boolean> {
  if (stream.destroyed || !stream.writableNeedDrain) return Promise.resolve(!stream.destroyed);
  return new Promise((resolve) => {
    const ends = { drain: () => end(true), error: () => end(false), close: () => end(false) };
    const end = (more: boolean): void => {
      for (const [event, listener] of Object.entries(ends)) stream.off(event, listener);
      resolve(more);
    };
    for (const [event, listener] of Object.entries(ends)) stream.on(event, listener);
  });
}

/**
 * A reader that has seen enough (`| head -1`) is no failure of ours: EPIPE ends the output quietly. Anything else (a
 * full disk) is said once; the caller then does not know what happened, and the exit code, set last, says so.
 */
function watchPipe(stream: Stream): void {
  let said = false;
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (said || error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED') return;
    said = true;
    process.once('exit', () => {
      process.exitCode = EXIT_CLASSES['outcome-unknown'].code;
    });
    if (stream !== process.stderr) process.stderr.write(`error: the output cannot be written: ${error.message}\n`);
  });
}

function createInput(): Input {
  return {
    get isTTY() {
      return process.stdin.isTTY ?? false;
    },
    async readAll() {
      return (await import('./bounded-input.ts')).readToEnd('standard input', process.stdin);
    },
    async ask(question) {
      const lines = createInterface({ input: process.stdin, output: process.stderr });
      try {
        return await lines.question(question);
      } finally {
        lines.close();
      }
    },
  };
}
