/** QEMU's machine is one process. */
const PROCESS = "1";
const FEATURE = "multiprocess+";

/**
 * The `multiprocess` feature for one gdb (gdb manual, "thread-id syntax"): gdb's ids are `pPROCESS.THREAD`, everybody
 * else's are plain. It is spoken here alone: negotiated with QEMU's stub it would stick there for later clients. gdb
 * shows threads and the process differently with it, and asks QEMU for it where there is nothing in between.
 */
export class ProcessIds {
  #state: "off" | "offered" | "on" = "off";
  /** The packet that the next answer is for. */
  #asked = "";

  /** A packet of gdb's, with plain ids. One that does not fit is left as it is. */
  fromGdb(payload: string): string {
    if (payload.startsWith("qSupported")) {
      this.#state = payload.split(/[:;]/).includes(FEATURE) ? "offered" : "off";
    }
    this.#asked = payload;
    return this.#state === "on" ? plain(payload) : payload;
  }

  /** An answer for gdb, with its ids. */
  toGdb(payload: string): string {
    const asked = this.#asked;
    if (this.#state === "offered" && asked.startsWith("qSupported") && payload !== "") {
      this.#state = "on";
      return `${payload};${FEATURE}`;
    }
    if (this.#state !== "on") return payload;
    if (/^T[0-9a-f]{2}/.test(payload))
      return payload.replace(/(^T..|;)thread:([0-9a-f]+);/, `$1thread:p0${PROCESS}.$2;`);
    if (asked.startsWith("qXfer:threads:")) {
      return payload.replaceAll(/<thread id="([0-9a-f]+)"/g, `<thread id="p0${PROCESS}.$1"`);
    }
    if (asked === "qC") return payload.replace(/^QC([0-9a-f]+)$/, `QCp0${PROCESS}.$1`);
    if (asked !== "qfThreadInfo" && asked !== "qsThreadInfo") return payload;
    return /^m[0-9a-f,]+$/.test(payload) ? payload.replaceAll(/([m,])([0-9a-f]+)/g, `$1p0${PROCESS}.$2`) : payload;
  }
}

/** Of a process without a thread, all threads are meant. */
const threadOf = (id: string): string => {
  const match = /^p(?:-1|[0-9a-fA-F]{1,8})(?:\.(-1|[0-9a-fA-F]{1,8}))?$/.exec(id);
  return match ? (match[1] ?? "-1") : id;
};

function plain(payload: string): string {
  const one = /^(H[cg]|T|qThreadExtraInfo,)(p[0-9a-fA-F.-]{1,24})$/.exec(payload);
  if (one) return `${one[1]}${threadOf(one[2] ?? "")}`;
  if (!payload.startsWith("vCont;")) return payload;
  return payload.replaceAll(/:(p[0-9a-fA-F.-]{1,24})(?=;|$)/g, (_whole, id: string) => `:${threadOf(id)}`);
}
