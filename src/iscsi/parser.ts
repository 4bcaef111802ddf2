import { uninitialisedBytes } from '../base/bytes.ts';
import { crc32c } from '../base/crc32c.ts';
import type { Violation } from '../base/violation.ts';
import { decodeDigest, NO_DIGESTS, type Digests } from './framing.ts';
import {
  additionalHeaderLengthOf,
  dataSegmentLengthOf,
  DEFAULT_MAX_RECV_DATA_SEGMENT_LENGTH,
  DIGEST_LENGTH,
  HEADER_LENGTH,
  paddingOf,
} from './header.ts';

const NOTHING = new Uint8Array(0);
/** Room for an extended CDB of 260 bytes and a bidirectional length; nothing defined needs more. */
const MAX_ADDITIONAL_HEADER_LENGTH = 288;

/** One PDU as it came. `header` is valid only until the receiver returns; `data` belongs to the receiver. */
export interface ReceivedPdu {
  readonly header: Uint8Array;
  readonly additionalHeader: Uint8Array;
  readonly data: Uint8Array;
  /** False where a data digest was in force and did not match. */
  readonly dataDigestValid: boolean;
}

export interface PduReceiver {
  pdu(pdu: ReceivedPdu): void;
  /**
   * Where the data segment of the PDU with this header shall go: exactly `byteLength` bytes, or undefined for a new
   * array. Asked once the header is whole and checked.
   */
  place?(header: Uint8Array, byteLength: number): Uint8Array | undefined;
}

/** What a PDU must keep to. Read anew for every PDU, so that the receiver may change it between two. */
export interface ParserRules {
  digests: Digests;
  /** Bytes; the MaxRecvDataSegmentLength that this side declared, 8192 before. */
  maxDataSegmentLength: number;
}

export interface PduParser {
  readonly rules: ParserRules;
  /**
   * Takes the next bytes of the stream and hands out every PDU that is now whole. A violation (header digest, lengths
   * over the limit) means that the stream can not be understood any more: the connection must go. Later calls then
   * return the same violation and do nothing.
   */
  feed(chunk: Uint8Array): Violation | undefined;
  /** Hands out nothing more, even from the chunk in hand; the connection is being closed. */
  stop(): void;
}

type Part = 'header' | 'additional' | 'header-digest' | 'data' | 'trailer';

export function createPduParser(receiver: PduReceiver): PduParser {
  return new StreamParser(receiver);
}

/**
 * Fills one part after another: 48 bytes of header, the additional header with the header digest, data straight into
 * its final place, padding with the data digest. Nothing is allocated before its length has been checked.
 */
class StreamParser implements PduParser {
  readonly rules: ParserRules = { digests: NO_DIGESTS, maxDataSegmentLength: DEFAULT_MAX_RECV_DATA_SEGMENT_LENGTH };
  private readonly receiver: PduReceiver;
  private readonly header = new Uint8Array(HEADER_LENGTH);
  private readonly digest = new Uint8Array(DIGEST_LENGTH);
  private readonly trailer = new Uint8Array(3 + DIGEST_LENGTH);
  private additional: Uint8Array = NOTHING;
  private data: Uint8Array = NOTHING;
  private part: Part = 'header';
  private into: Uint8Array = this.header;
  private filled = 0;
  private wanted = HEADER_LENGTH;
  private stopped = false;
  private violation: Violation | undefined;

  constructor(receiver: PduReceiver) {
    this.receiver = receiver;
  }

  feed(chunk: Uint8Array): Violation | undefined {
    let at = 0;
    while (at < chunk.length && !this.stopped) {
      const count = Math.min(this.wanted - this.filled, chunk.length - at);
      this.take(chunk, at, count);
      at += count;
      while (this.filled === this.wanted && !this.stopped) this.advance();
    }
    return this.violation;
  }

  stop(): void {
    this.stopped = true;
  }

  private take(chunk: Uint8Array, from: number, count: number): void {
    // Below about a hundred bytes a loop is cheaper than making the view that `set` needs.
    if (count <= 64) for (let at = 0; at < count; at += 1) this.into[this.filled + at] = chunk[from + at]!;
    else this.into.set(chunk.subarray(from, from + count), this.filled);
    this.filled += count;
  }

  private expect(part: Part, into: Uint8Array, wanted: number): void {
    this.part = part;
    this.into = into;
    this.filled = 0;
    this.wanted = wanted;
  }

  private fail(field: string, got: string, limit: string): void {
    this.violation = { field, got, limit };
    this.stopped = true;
  }

  private advance(): void {
    switch (this.part) {
      case 'header':
        return this.afterHeader();
      case 'additional':
        return this.rules.digests.header ? this.expect('header-digest', this.digest, DIGEST_LENGTH) : this.beginData();
      case 'header-digest':
        return this.afterHeaderDigest();
      case 'data':
        return this.beginTrailer();
      case 'trailer':
        return this.finish();
    }
  }

  private afterHeader(): void {
    const length = additionalHeaderLengthOf(this.header);
    // With a header digest to come a false length is only known to be false once the digest has been checked; the
    // limit keeps the wait for it short.
    if (length > MAX_ADDITIONAL_HEADER_LENGTH) {
      return this.fail('TotalAHSLength', `${length} bytes`, `at most ${MAX_ADDITIONAL_HEADER_LENGTH}`);
    }
    this.additional = length === 0 ? NOTHING : new Uint8Array(length);
    this.expect('additional', this.additional, length);
  }

  private afterHeaderDigest(): void {
    const computed = crc32c(this.additional, crc32c(this.header));
    const got = decodeDigest(this.digest, 0);
    if (computed !== got) return this.fail('header digest', got.toString(16), computed.toString(16));
    this.beginData();
  }

  private beginData(): void {
    const length = dataSegmentLengthOf(this.header);
    const limit = this.rules.maxDataSegmentLength;
    if (length > limit) return this.fail('DataSegmentLength', `${length} bytes`, `at most ${limit}`);
    if (length === 0) {
      this.data = NOTHING;
      return this.finish();
    }
    const place = this.receiver.place?.(this.header, length);
    if (place && place.length !== length) throw new RangeError(`a place of ${place.length} bytes for ${length}`);
    this.data = place ?? uninitialisedBytes(length);
    this.expect('data', this.data, length);
  }

  private beginTrailer(): void {
    const digest = this.rules.digests.data ? DIGEST_LENGTH : 0;
    this.expect('trailer', this.trailer, paddingOf(this.data.length) + digest);
  }

  private finish(): void {
    const pdu: ReceivedPdu = {
      header: this.header,
      additionalHeader: this.additional,
      data: this.data,
      dataDigestValid: this.data.length === 0 || !this.rules.digests.data || this.dataDigestMatches(),
    };
    this.data = NOTHING;
    this.expect('header', this.header, HEADER_LENGTH);
    this.receiver.pdu(pdu);
  }

  private dataDigestMatches(): boolean {
    const padding = paddingOf(this.data.length);
    const computed = crc32c(this.trailer.subarray(0, padding), crc32c(this.data));
    return computed === decodeDigest(this.trailer, padding);
  }
}
