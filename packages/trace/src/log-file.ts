import { dirname, join } from "node:path";
import { type Disk, syncFolder } from "./disk.ts";
import { segmentName } from "./segments.ts";

/**
 * The segment that is being written. A write is whole or has not happened: what a failed call left behind
 * is cut off again. Where even that fails, the file is `broken` and takes nothing more.
 */
export class LogFile {
  readonly #disk: Disk;
  readonly #directory: string;
  #fd: number;
  #number: number;
  #bytes: number;
  #broken = false;

  private constructor(disk: Disk, directory: string, number: number, fd: number, bytes: number) {
    this.#disk = disk;
    this.#directory = directory;
    this.#number = number;
    this.#fd = fd;
    this.#bytes = bytes;
  }

  /** Makes segment `number`, which must not be there yet. */
  static create(disk: Disk, directory: string, number: number): LogFile {
    const fd = createSegment(disk, directory, number);
    const file = new LogFile(disk, directory, number, fd, 0);
    try {
      syncFolder(disk, directory);
      syncFolder(disk, dirname(directory));
    } catch (error) {
      file.close();
      throw error;
    }
    return file;
  }

  /** Goes on with segment `number` behind its first `bytes` bytes; anything after them is cut off. */
  static reopen(disk: Disk, directory: string, number: number, bytes: number): LogFile {
    const fd = disk.open(join(directory, segmentName(number)), "r+");
    disk.truncate(fd, bytes);
    return new LogFile(disk, directory, number, fd, bytes);
  }

  /** Bytes in this segment. */
  get bytes(): number {
    return this.#bytes;
  }

  /** True after a failed write could not be undone, or after a failed sync. */
  get broken(): boolean {
    return this.#broken;
  }

  /** Appends all of `length` bytes, or none. */
  write(bytes: Uint8Array, offset: number, length: number): void {
    try {
      for (let done = 0; done < length; ) {
        done += this.#disk.write(this.#fd, bytes, offset + done, length - done, this.#bytes + done);
      }
    } catch (error) {
      this.#undo();
      throw error;
    }
    this.#bytes += length;
  }

  /** Makes everything written so far lasting. A failure is final: the kernel may have dropped the pages. */
  sync(): void {
    this.#unbroken(() => this.#disk.sync(this.#fd));
  }

  /** Makes this segment and the folder's names lasting. */
  syncWithFolder(): void {
    this.sync();
    this.#unbroken(() => syncFolder(this.#disk, this.#directory));
  }

  /** Ends this segment and begins the next. When the next cannot be made, this one stays. */
  rotate(): void {
    this.sync();
    const next = createSegment(this.#disk, this.#directory, this.#number + 1);
    const full = this.#fd;
    this.#fd = next;
    this.#number += 1;
    this.#bytes = 0;
    this.#unbroken(() => {
      this.#disk.close(full);
      syncFolder(this.#disk, this.#directory);
    });
  }

  close(): void {
    this.#disk.close(this.#fd);
  }

  #undo(): void {
    this.#unbroken(() => this.#disk.truncate(this.#fd, this.#bytes));
  }

  #unbroken(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#broken = true;
      throw error;
    }
  }
}

function createSegment(disk: Disk, directory: string, number: number): number {
  return disk.open(join(directory, segmentName(number)), "wx");
}
