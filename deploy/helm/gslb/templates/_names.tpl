{{/* Names and labels that several templates need. */}}
{{- define "gslb.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "gslb.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "gslb.labels" -}}
{{ include "gslb.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* Names of the Service of the API and of each pod in it, as JSON. At least eight pods are named, so that scaling does not
restart existing ones. */}}
{{- define "gslb.hosts" -}}
{{- $service := printf "%s-api" (include "gslb.name" .) }}
{{- $names := list $service }}
{{- range until (max 8 (int .Values.replicas) | int) }}
{{- $names = append $names (printf "%s-%d.%s" (include "gslb.name" $) . $service) }}
{{- end }}
{{- $hosts := list }}
{{- range $names }}
{{- $full := printf "%s.%s" . $.Release.Namespace }}
{{- $hosts = concat $hosts (list . $full (printf "%s.svc" $full) (printf "%s.svc.cluster.local" $full)) }}
{{- end }}
{{- $hosts | toJson }}
{{- end }}
