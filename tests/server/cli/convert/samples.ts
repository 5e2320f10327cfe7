/** The configurations that the other products' manuals show. */

export const QUANTUMFLOW_SAMPLE = `
server:
  port: ":8080"
  worker_count: 100
  load_balancing:
    strategy: "least_connections"
    ip_hash:
      enabled: true
      header: "X-Forwarded-For"
      fallback_header: "X-Real-IP"
    weighted_round_robin:
      enabled: true
      weight_by_capacity: true
  connection_pool:
    enabled: true
    max_idle_conns: 100
    max_idle_conns_per_host: 10
    max_conns_per_host: 100
    idle_conn_timeout: "90s"
    max_lifetime: "1h"
    keep_alive: "30s"
    dial_timeout: "5s"
    tls_handshake_timeout: "10s"
    expect_continue_timeout: "1s"
    response_header_timeout: "10s"
    disable_keep_alives: false
    disable_compression: false
  cache:
    enabled: true
    ttl: "5m"
    max_size: 1000
    headers:
      - "Accept"
      - "Accept-Language"
    exclude_paths:
      - "/api/dynamic"
      - "/admin"
  circuit_breaker:
    enabled: true
    failure_threshold: 5
    success_threshold: 2
    reset_timeout: "30s"
    half_open_timeout: "5s"
metrics:
  enabled: true
  port: ":9090"
  path: "/metrics"
  auth:
    enabled: false
    bearer_token: ""
  collect_interval: "15s"
  retention_period: "24h"
  labels:
    environment: "production"
    region: "us-east-1"
  prometheus:
    enabled: true
    namespace: "loadbalancer"
    subsystem: "http"
    path: "/metrics"
backends:
  - url: "http://backend1:8080"
    weight: 10
    max_connections: 100
  - url: "http://backend2:8080"
    weight: 5
    max_connections: 50
logging:
  enabled: true
  level: "info"
  file: "logs/loadbalancer.log"
  max_size: 100
  max_backups: 3
  max_age: 28
  compress: true
  format: "json"
`;

export const GOBALANCE_SAMPLE = `
listen_port: 8080
bind_address: "0.0.0.0"
backends:
  - address: "backend1:8081"
    weight: 1
  - address: "backend2:8082"
    weight: 1
balancing_strategy: "round_robin"
health_check:
  interval: 10s
  timeout: 5s
  path: "/health"
  unhealthy_threshold: 3
  healthy_threshold: 2
retry:
  max_attempts: 3
  backoff_multiplier: 1.5
  max_backoff: 5s
connections:
  idle_timeout: 90s
  max_idle_per_host: 10
  max_attempts_per_host: 3
logging:
  level: "info"
  format: "json"
metrics:
  enabled: true
  path: "/metrics"
`;

export const OPSEN_SERVER_SAMPLE = `
port: 8080
host: 0.0.0.0
database: /opt/opsen/opsen.db
stale_minutes: 5
log_level: info
json_logging: false
server_key: ""
api_keys: []
whitelisted_ips: []
rate_limit_per_minute: 60
rate_limit_burst: 120
max_request_body_bytes: 10485760
request_timeout_seconds: 30
idle_timeout_seconds: 120
read_header_timeout_seconds: 10
disable_security_headers: false
tls_cert_file: ""
tls_key_file: ""
tls_insecure_skip_verify: false
enable_cors: false
cors_allowed_origins: []
proxy_endpoints: []
proxy_sse_flush_interval_ms: -1
geoip_db_path: ""
sticky_header: ""
sticky_by_ip: false
sticky_affinity_enabled: true
pending_allocation_timeout_seconds: 120
tier_field_name: "tier"
tier_header: "X-Tier"
db_max_open_conns: 25
db_max_idle_conns: 5
db_conn_max_lifetime: 300
cleanup_interval_seconds: 60
shutdown_timeout_seconds: 30
health_check_enabled: true
health_check_type: "tcp"
health_check_interval_seconds: 10
health_check_timeout_seconds: 2
health_check_path: "/health"
health_check_unhealthy_threshold: 3
health_check_healthy_threshold: 2
tiers:
  - name: small
    vcpu: 1
    memory_gb: 1.0
    storage_gb: 5
  - name: gpu-inference
    vcpu: 8
    memory_gb: 32.0
    storage_gb: 100
    gpu: 1
    gpu_memory_gb: 16.0
`;

export const OPSEN_CLIENT_SAMPLE = `
server_url: http://lb.example.com:8080
server_key: ""
endpoint_url: ""
window_minutes: 15
report_interval_seconds: 60
disk_path: /
client_id: ""
hostname: ""
skip_geolocation: false
geoip_db_path: ""
log_level: info
insecure_tls: false
`;
