# The server that `wire.sh` and `growth.sh` measure against, to be sourced by them: nginx on loopback,
# one worker, which says "deleted" to everything, and the configuration that leads there without a
# quota. It expects `dir`, a folder of the run's own, and stops nothing: `nginx_pid` is the caller's.

app=5963c0d619a30a2e00de36b8
nginx_pid=

serve_at() {
  mkdir -p "$dir/nginx/logs"
  cat > "$dir/nginx/nginx.conf" <<END
daemon off;
worker_processes 1;
pid nginx.pid;
error_log logs/error.log crit;
events { worker_connections 1024; }
http {
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path tmp1; proxy_temp_path tmp2; fastcgi_temp_path tmp3; uwsgi_temp_path tmp4; scgi_temp_path tmp5;
  default_type application/json;
  server {
    listen 127.0.0.1:$1;
    location = /v2/apps/$app { return 200 '{"app":{"id":"$app","displayName":"Bench"}}'; }
    location / { return 200 '{}'; }
  }
}
END
  nginx -p "$dir/nginx" -c "$dir/nginx/nginx.conf" 2>> "$dir/nginx/logs/start.log" &
  nginx_pid=$!
  for _ in $(seq 50); do
    kill -0 "$nginx_pid" 2>/dev/null || return 1
    (exec 3<> "/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0
    sleep 0.1
  done
  return 1
}

# Starts it at a port that is free, which is then in `port`; `url` is what stands in front of an id.
serve() {
  command -v nginx > /dev/null || { echo "nginx is not installed: there is nothing to measure against" >&2; exit 2; }
  for attempt in $(seq 20); do
    port=$((20000 + RANDOM % 20000))
    if serve_at "$port"; then
      url=http://127.0.0.1:$port/v2/apps/$app/users/
      return
    fi
    nginx_pid=
    [ "$attempt" -lt 20 ] || { cat "$dir/nginx/logs/start.log" >&2; exit 2; }
  done
}

# Writes userpurge.toml: an account that leads there, with $1 requests under way at most.
configure() {
  cat > "$dir/userpurge.toml" <<END
[accounts.bench]
provider   = "sunco"
base_url   = "http://127.0.0.1:$port"
app_id     = "$app"
key_id     = "app_bench"
key_secret = "secret"
[accounts.bench.limits]
requests    = "4000000000/1ms"
concurrency = $1
END
  chmod 600 "$dir/userpurge.toml"
}
