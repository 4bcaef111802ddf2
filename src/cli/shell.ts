import type { Environment, StreamFacts } from './render/terminal.ts';
import type { Services } from './services.ts';

/** The process as the program sees it; `main.ts` makes the real one, tests make others. */
export interface Shell {
  readonly version: string;
  readonly environment: Environment;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly input: Input;
  /** Calls back for SIGINT and SIGTERM until the returned function is called. */
  onStopSignal(callback: (signal: string) => void): () => void;
  /** Loaded only by commands that need the world outside. */
  services(): Promise<Services>;
}

export interface Output {
  readonly facts: StreamFacts;
  /** For ora, which writes by itself. */
  readonly stream: NodeJS.WritableStream;
  write(data: string | Uint8Array): void;
  /** Resolves when what was written has been taken, so that it need not be kept here: false where nobody takes any more. */
  taken(): Promise<boolean>;
}

export interface Input {
  readonly isTTY: boolean;
  readAll(): Promise<Uint8Array>;
  /** Asks on standard error and reads one line. */
  ask(question: string): Promise<string>;
}
