import type { StatusName } from '../interface-block/status.ts';

/** A command that the array does not execute; becomes status and message of the interface block. */
export class CommandRefusal extends Error {
  override readonly name = 'CommandRefusal';
  readonly status: StatusName;

  constructor(status: StatusName, message: string) {
    super(message);
    this.status = status;
  }
}

export function refuse(status: StatusName, message: string): never {
  throw new CommandRefusal(status, message);
}
