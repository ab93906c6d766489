# One file, one target a role. Build: docker build --target api|cell|image-builder .
FROM debian:bookworm-slim AS base
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates nodejs npm util-linux \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/ringside
COPY package.json package-lock.json .npmrc ./
COPY packages ./packages
COPY services ./services
COPY apps ./apps
COPY prisma ./prisma
COPY prisma.config.ts ringside ./
COPY course ./course
# The launcher brings the packages and the database client in, as anywhere else.
RUN ./ringside --help >/dev/null
ENV RINGSIDE_CACHE=/var/cache/ringside RINGSIDE_DATA_DIR=/var/lib/ringside

# The control plane: REST, grading, tickets.
FROM base AS api
RUN mkdir -p /var/lib/ringside /var/cache/ringside && chown nobody /var/lib/ringside
USER nobody
EXPOSE 8080
ENV RINGSIDE_API_HOST=0.0.0.0 RINGSIDE_API_PORT=8080 RINGSIDE_LABS_DIR=/opt/ringside/course/labs
CMD ["/opt/ringside/node_modules/.bin/node", "/opt/ringside/services/api/src/main.ts"]

# One cell: vm-runner and gdb-proxy beside each other, sharing /run/ringside.
FROM base AS cell
RUN apt-get update \
 && apt-get install -y --no-install-recommends qemu-system-x86 bubblewrap gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
EXPOSE 8090
ENV RINGSIDE_RUN_DIR=/run/ringside RINGSIDE_PROXY_HOST=0.0.0.0 RINGSIDE_PROXY_PORT=8090
CMD ["/opt/ringside/ringside", "cell"]

# Builds course images into the shared cache volume, once.
FROM base AS image-builder
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      bc binutils bison busybox-static cpio flex gcc gcc-multilib gdb libc6-dev-i386 \
      libelf-dev libssl-dev linux-source make xz-utils zstd \
 && rm -rf /var/lib/apt/lists/*
CMD ["/opt/ringside/ringside", "image", "build"]
