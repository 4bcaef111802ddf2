import { LunError } from './lun.ts';

/** Follows the pieces of one write, so that its failure tells whether any of it may be on the medium. */
export interface PieceWatch {
  /** Runs one piece. */
  piece(run: () => Promise<void>): Promise<void>;
  /** The failure of the whole write, given that of a piece. */
  failure(error: unknown): unknown;
}

export function watchPieces(): PieceWatch {
  let touched = false;
  return {
    async piece(run) {
      try {
        await run();
        touched = true;
      } catch (error) {
        touched ||= error instanceof LunError && error.outcome === 'unknown';
        throw error;
      }
    },
    failure(error) {
      if (!touched || !(error instanceof LunError) || error.outcome === 'unknown') return error;
      const { sense, about } = error;
      const details = { outcome: 'unknown' as const, cause: error, ...(sense && { sense }), ...(about && { about }) };
      return new LunError(
        error.kind,
        error.path,
        `${error.message} (other parts of the write may have been done)`,
        details,
      );
    },
  };
}
