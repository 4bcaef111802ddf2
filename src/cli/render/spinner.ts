import ora from 'ora';

/** Progress of one wait, on a terminal. */
export interface Spinner {
  update(text: string): void;
  /** Removes the line. */
  stop(): void;
}

/** The caller has asked `canSpin` first: ora prints even where it may not move the cursor. */
export function startSpinner(text: string, stream: NodeJS.WritableStream): Spinner {
  const spinner = ora({ text, stream, discardStdin: false }).start();
  return {
    update(next) {
      spinner.text = next;
    },
    stop() {
      spinner.stop();
    },
  };
}
