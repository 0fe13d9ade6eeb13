# Tieline's plug-in for Redmine: tells every created issue and every journal, after it is committed, signed by Standard Webhooks.
#
# Copy this folder to <redmine>/plugins/tieline_hook, and give Redmine's environment (or config/tieline.yml) the two values that
# `tieline connectors add` printed:  TIELINE_HOOK_URL=https://tieline.example/in/tickets  TIELINE_HOOK_SECRET=whsec_...
# It never delays or fails anybody's work: it posts from a thread of its own, tries three times, and then leaves it to the poll.
require 'net/http'
require 'json'
require 'openssl'
require 'securerandom'
require 'yaml'

Redmine::Plugin.register(:tieline_hook) do
  name 'Tieline hook'
  description 'Tells committed changes of issues to Tieline'
  version '1.0.0'
end

module TielineHook
  PAUSES = [0, 2, 10].freeze
  QUEUE = Queue.new

  def self.settings
    file = Rails.root.join('config', 'tieline.yml')
    given = File.exist?(file) ? YAML.safe_load(File.read(file)) || {} : {}
    [ENV['TIELINE_HOOK_URL'] || given['url'], ENV['TIELINE_HOOK_SECRET'] || given['secret'] || '']
  end

  def self.tell(event, actor, issue)
    url, = settings
    return if url.nil? || url.empty?

    QUEUE << JSON.generate(event: event, actor: actor&.login, issue: shown(issue))
    @sender ||= Thread.new { loop { send_one(QUEUE.pop) } }
  end

  def self.shown(issue)
    {
      id: issue.id, project: named(issue.project), tracker: named(issue.tracker), status: named(issue.status).merge(is_closed: issue.closed?),
      priority: named(issue.priority), author: named(issue.author), assigned_to: issue.assigned_to && named(issue.assigned_to),
      subject: issue.subject, created_on: issue.created_on.utc.iso8601, updated_on: issue.updated_on.utc.iso8601,
      custom_fields: issue.custom_field_values.map { |one| { id: one.custom_field.id, name: one.custom_field.name, value: one.value } }
    }
  end

  def self.named(thing)
    { id: thing.id, name: thing.name }
  end

  def self.send_one(body)
    id = "msg_#{SecureRandom.uuid}"
    PAUSES.each do |pause|
      sleep(pause)
      return if post(id, body)
    end
    Rails.logger.warn('tieline: gave up, the poll will find it')
  end

  def self.post(id, body)
    url, secret = settings
    there = URI(url)
    stamp = Time.now.to_i.to_s
    key = secret.delete_prefix('whsec_').unpack1('m')
    signature = [OpenSSL::HMAC.digest('SHA256', key, "#{id}.#{stamp}.#{body}")].pack('m0')
    headers = { 'Content-Type' => 'application/json', 'webhook-id' => id, 'webhook-timestamp' => stamp,
                'webhook-signature' => "v1,#{signature}" }
    Net::HTTP.start(there.host, there.port, use_ssl: there.scheme == 'https', open_timeout: 3, read_timeout: 10) do |line|
      return (200..299).cover?(line.post(there.request_uri, body, headers).code.to_i)
    end
  rescue StandardError => e
    Rails.logger.warn("tieline: #{e.class}: #{e.message}")
    false
  end

  module OfIssues
    def self.prepended(model)
      model.after_commit(-> { TielineHook.tell('issue.created', author, self) }, on: :create)
    end
  end

  module OfJournals
    def self.prepended(model)
      told = -> { TielineHook.tell('issue.updated', user, Issue.find(journalized_id)) if journalized_type == 'Issue' }
      model.after_commit(told, on: :create)
    end
  end
end

Rails.application.config.after_initialize do
  Issue.prepend(TielineHook::OfIssues)
  Journal.prepend(TielineHook::OfJournals)
end
