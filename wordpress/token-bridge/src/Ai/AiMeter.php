<?php
/**
 * Meters WordPress's AI client.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Ai;

use TokenBridge\Bridge\Answer;
use TokenBridge\Metering\Hold;
use TokenBridge\Metering\Meter;
use TokenBridge\Settings;

defined( 'ABSPATH' ) || exit;

/**
 * Holds tokens before a prompt, captures its real cost after it, and releases the hold of a prompt that fails.
 */
final class AiMeter {

	/** Seconds that a hold outlives the request of the provider. */
	private const MARGIN = 30;

	/** Seconds of the request, for models that do not say. */
	private const REQUEST_SECONDS = 120;

	/** A capped answer shorter than this is of no use. */
	private const MIN_OUTPUT = 50;

	/** @var Meter */
	private $meter;

	/** @var Settings */
	private $settings;

	/** @var Rates */
	private $rates;

	/** @var Payers */
	private $payers;

	public function __construct( Meter $meter, Settings $settings ) {
		$this->meter    = $meter;
		$this->settings = $settings;
		$this->rates    = new Rates( $settings );
		$this->payers   = new Payers( $settings );
	}

	/**
	 * Holds the tokens of a prompt; returns null if it is free. Throws `TokensUsedUp` if it may not run.
	 */
	public function open( object $event, CallStack $stack ): ?OpenPrompt {
		$module  = $this->module( $stack );
		$payer   = $this->payers->find( $module, $stack->plugin(), $stack->ability() );
		$options = [
			'source'      => '' !== $stack->ability() ? $stack->ability() : $stack->plugin(),
			'ttl_seconds' => $this->seconds( $event->getModel() ) + self::MARGIN,
		];
		if ( null === $payer ) {
			return null;
		}
		$options += $payer > 0 ? [ 'user_id' => $payer ] : [];
		$hold     = $this->hold( $event, $module, array_filter( $options ) );
		return null === $hold ? null : $this->opened( $event, $stack, $hold, $payer );
	}

	/**
	 * Captures the real cost of a prompt.
	 *
	 * @param object $event The event after the prompt.
	 */
	public function capture( OpenPrompt $prompt, object $event ): void {
		$this->meter->capture( $prompt->hold_id, [ 'tokens' => $this->cost( $prompt, $event ) ], $this->options( $prompt ) );
	}

	public function release( OpenPrompt $prompt ): void {
		$this->meter->release( $prompt->hold_id, $this->options( $prompt ) );
	}

	/**
	 * @param array<string, mixed> $options Options of the hold.
	 */
	private function hold( object $event, string $module, array $options ): ?Hold {
		$estimate = Estimate::of( $event, $this->settings->number( 'ai_default_output' ) );
		$model    = (string) $event->getModel()->metadata()->getId();
		$hold     = $this->meter->hold( $this->what( $module, $this->price( $event, $estimate, $model ) ), $options );
		if ( $hold->is_refused() && $estimate->is_text && $this->can_cap( $event->getModel() ) ) {
			$hold = $this->hold_the_rest( $event, $estimate, $hold, $module, $options );
		}
		if ( $hold->is_ok() ) {
			return $hold;
		}
		if ( $hold->is_refused() ) {
			$refusal = TokensUsedUp::because( wp_strip_all_tags( $hold->message() ), $hold->purchase_url() );
			throw $refusal;
		}
		return $this->without_answer( $hold );
	}

	/**
	 * Holds what is left, and caps the answer to it.
	 *
	 * @param array<string, mixed> $options Options of the hold.
	 */
	private function hold_the_rest( object $event, Estimate $estimate, Hold $refused, string $module, array $options ): Hold {
		$model     = (string) $event->getModel()->metadata()->getId();
		$available = (int) ( $refused->document()['available'] ?? 0 );
		$output    = intdiv( $this->rates->output_for( $model, $available, $estimate->input ), $estimate->candidates );
		if ( $output < self::MIN_OUTPUT ) {
			return $refused;
		}
		$hold = $this->meter->hold( $this->what( $module, $available ), $options );
		if ( $hold->is_ok() ) {
			$config = clone $event->getModel()->getConfig();
			$config->setMaxTokens( $output );
			$event->getModel()->setConfig( $config );
		}
		return $hold;
	}

	private function without_answer( Hold $hold ): ?Hold {
		if ( Answer::NOT_CONNECTED === $hold->code() || 'allow' === $this->settings->text( 'ai_when_away' ) ) {
			return null;
		}
		$refusal = new \WordPress\AiClient\Providers\Http\Exception\ServerException( wp_strip_all_tags( $hold->message() ), 503 );
		throw $refusal;
	}

	private function opened( object $event, CallStack $stack, Hold $hold, int $payer ): OpenPrompt {
		$prompt                    = new OpenPrompt();
		$prompt->hold_id           = $hold->id();
		$prompt->held              = $hold->tokens();
		$prompt->user_id           = $payer;
		$prompt->model             = $event->getModel();
		$prompt->messages          = $event->getMessages();
		$prompt->sdk_builder       = $stack->sdk_builder();
		$prompt->wordpress_builder = $stack->wordpress_builder();
		return $prompt;
	}

	private function price( object $event, Estimate $estimate, string $model ): int {
		if ( $estimate->is_text ) {
			return max( 1, $this->rates->text( $model, $estimate->input, $estimate->output * $estimate->candidates ) );
		}
		return max( 1, $this->rates->item( $model, (string) $event->getCapability() ) * $estimate->candidates );
	}

	/**
	 * Returns the real cost; without figures of the provider, the price per item or what was held.
	 */
	private function cost( OpenPrompt $prompt, object $event ): int {
		$usage      = $event->getResult()->getTokenUsage();
		$capability = (string) $event->getCapability();
		$model      = (string) $event->getModel()->metadata()->getId();
		if ( '' !== $capability && Rates::TEXT !== $capability ) {
			return $this->rates->item( $model, $capability ) * max( 1, count( $event->getResult()->getCandidates() ) );
		}
		if ( $usage->getTotalTokens() < 1 ) {
			return $prompt->held;
		}
		return $this->rates->text( $model, (int) $usage->getPromptTokens(), max( (int) $usage->getCompletionTokens(), $usage->getTotalTokens() - $usage->getPromptTokens() ) );
	}

	/**
	 * Returns the module of a caller: by ability, by plugin, else the one for unknown callers.
	 */
	private function module( CallStack $stack ): string {
		$map = $this->settings->map( 'ai_modules' );
		return $map[ $stack->ability() ] ?? $map[ $stack->plugin() ] ?? $this->settings->text( 'ai_unknown_module' );
	}

	/**
	 * @return array<string, mixed>
	 */
	private function what( string $module, int $tokens ): array {
		return [
			'module' => $module,
			'tokens' => $tokens,
		];
	}

	/**
	 * @return array<string, mixed>
	 */
	private function options( OpenPrompt $prompt ): array {
		return $prompt->user_id > 0 ? [ 'user_id' => $prompt->user_id ] : [];
	}

	private function seconds( object $model ): int {
		$options = method_exists( $model, 'getRequestOptions' ) ? $model->getRequestOptions() : null;
		return $options && $options->getTimeout() ? (int) ceil( $options->getTimeout() ) : self::REQUEST_SECONDS;
	}

	private function can_cap( object $model ): bool {
		foreach ( $model->metadata()->getSupportedOptions() as $option ) {
			if ( 'maxTokens' === (string) $option->getName() ) {
				return true;
			}
		}
		return false;
	}
}
