import { describe, expect, it } from 'vitest';
import { undoAll } from '../../../src/cli/wiring/undo-all.ts';

describe('undoing', () => {
  it('goes on after a step that failed, last step first, and tells of the first failure', async () => {
    const undone: string[] = [];
    const step = (name: string, failure?: Error) => async () => {
      undone.push(name);
      if (failure) throw failure;
    };
    const full = new Error('ENOSPC');
    const steps = [step('lock'), step('array', new Error('EIO')), step('portal', full), step('socket')];
    expect(await undoAll(steps)).toBe(full);
    expect(undone).toEqual(['socket', 'portal', 'array', 'lock']);
  });

  it('tells nothing where nothing failed', async () => {
    expect(await undoAll([async () => undefined])).toBeUndefined();
  });
});
