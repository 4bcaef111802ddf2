/** What a command device hands to the command execution section (Fig. 7, S902), and what it gets back. */

/** A command whose interface block has been checked: it is whole, of this format and meant for this array. */
export interface CommandRequest {
  /** 16 bytes as hex. The same id is the same command, however often it arrives. */
  readonly requestId: string;
  /** Process number; whether this array knows it is for the executor to say (`unknown-process`). */
  readonly process: number;
  /** Input parameter, exactly `inputLength` bytes. */
  readonly input: Uint8Array;
  readonly inputCrc: number;
  /** The label's `commandNumber` as the host read it before it first wrote this request. */
  readonly admissionNumber: number;
  /** Who asks, in the host's own words; unverified. */
  readonly host: string;
  /** S903: false where the host wants the block deleted on success instead of an answer. */
  readonly editedDataWanted: boolean;
  /** The groups that a refusal may name to who asks; absent: all. */
  readonly groups?: readonly string[];
}

/** The outcome of S902. A rejected promise counts as status `internal`. */
export interface CommandOutcome {
  /** A code of `STATUS`. */
  readonly status: number;
  /** Status ok: the reply message. Otherwise why, for people, as UTF-8. */
  readonly editedData: Uint8Array;
}

/** Resolves once the outcome is durable; called again with the same request id, it answers the same. */
export type ExecuteCommand = (request: CommandRequest) => Promise<CommandOutcome>;
