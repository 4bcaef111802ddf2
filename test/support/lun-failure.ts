import { LunError } from '../../src/lun/lun.ts';

/** The `LunError` with which a call fails; rejects where it fails otherwise, or does not. */
export async function failureOf(run: Promise<unknown>): Promise<LunError> {
  try {
    await run;
  } catch (error) {
    if (error instanceof LunError) return error;
    throw error;
  }
  throw new Error('did not fail');
}
