/** Progress of one wait, on a terminal. */
export interface Spinner {
  update(text: string): void;
  /** Removes the line. */
  stop(): void;
}

export const NO_SPINNER: Spinner = {
  update() {
    // Nothing to show where there is no terminal.
  },
  stop() {
    // Nothing was shown.
  },
};

/** The caller has asked `canSpin` first: ora prints even where it may not move the cursor. */
export async function startSpinner(text: string, stream: NodeJS.WritableStream): Promise<Spinner> {
  const { default: ora } = await import('ora');
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
