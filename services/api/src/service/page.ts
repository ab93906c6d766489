/** The page at `/`: no scripts and no styles, as the Content-Security-Policy allows none. */
export const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Ringside</title>
</head>
<body>
<main>
<h1>Ringside</h1>
<p>A lab server for operating-systems courses: every student gets their own Linux machine and debugs its kernel
with their own gdb, and what they did is recorded and graded.</p>
<p lang="zh">操作系统课程的实验服务器：每个学生都有自己的 Linux 虚拟机，用自己的 gdb 调试内核；全程记录，自动评分。</p>
<p>Students and instructors use the <code>ringside</code> command. Programs use the API:</p>
<ul>
<li><a href="/v1/openapi.json">OpenAPI 3.1 document</a></li>
<li><a href="/readyz">State of this server</a></li>
</ul>
</main>
</body>
</html>
`;
