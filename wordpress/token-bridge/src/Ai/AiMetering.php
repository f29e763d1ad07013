<?php
/**
 * Listens to WordPress's AI client.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Ai;

use Throwable;
use TokenBridge\Feature;
use TokenBridge\Services;
use WP_Error;

defined( 'ABSPATH' ) || exit;

/**
 * Meters every feature that uses the AI client of WordPress 7.0 and newer, without a change of its code.
 *
 * Pairs each answer with its hold, also for prompts inside prompts and prompts that end without an event.
 */
final class AiMetering implements Feature {

	/** Addresses of providers, to notice plugins that do not use the AI client. */
	private const PROVIDERS = [ 'api.openai.com', 'api.anthropic.com', 'generativelanguage.googleapis.com', 'api.mistral.ai', 'openrouter.ai', 'api.x.ai', 'api.deepseek.com' ];

	/** @var Services */
	private $services;

	/** @var OpenPrompt[] */
	private $open = [];

	/** @var string Where tokens can be bought, as the last refusal said. */
	private $purchase_url = '';

	public function __construct( Services $services ) {
		$this->services = $services;
	}

	public function register(): void {
		if ( ! $this->services->settings()->is_on( 'meter_ai_client' ) || ! $this->services->connection()->is_connected() ) {
			return;
		}
		// Refusals of others come first, and no exception of another listener must lose a capture.
		add_action( 'wp_ai_client_before_generate_result', [ $this, 'before' ], PHP_INT_MAX );
		add_action( 'wp_ai_client_after_generate_result', [ $this, 'after' ], PHP_INT_MIN );
		add_action( 'wp_error_added', [ $this, 'failed' ], 10, 4 );
		add_filter( 'pre_http_request', [ $this, 'notice_direct_call' ], 10, 3 );
		register_shutdown_function( [ $this, 'release_all' ] );
	}

	/**
	 * Holds tokens, or ends the prompt.
	 */
	public function before( object $event ): void {
		$stack = CallStack::now();
		$this->release_ended( $stack );
		try {
			$prompt = $this->services->ai_meter()->open( $event, $stack );
			( new Callers() )->note( $stack->plugin(), Callers::METERED );
		} catch ( Throwable $error ) {
			if ( $error instanceof TokensUsedUp ) {
				$this->purchase_url = $error->purchase_url;
			}
			if ( $error instanceof TokensUsedUp || 503 === $error->getCode() ) {
				throw $error;
			}
			// A fault of ours must not break the feature of another plugin.
			$this->report( $error );
			return;
		}
		if ( null !== $prompt ) {
			$this->open[] = $prompt;
		}
	}

	/**
	 * Captures the hold of the prompt that ended, and releases those of prompts inside it that ended without an event.
	 */
	public function after( object $event ): void {
		try {
			$this->settle( $event );
		} catch ( Throwable $error ) {
			$this->report( $error );
		}
	}

	/**
	 * Releases the hold of a prompt that failed, and names a refusal of ours.
	 *
	 * @param string|int $code    Code of the error.
	 * @param string     $message Its message.
	 * @param mixed      $data    Its data.
	 * @param WP_Error   $error   The error.
	 */
	public function failed( $code, $message, $data, $error ): void {
		$class = is_array( $data ) ? ( $data['exception_class'] ?? '' ) : '';
		if ( TokensUsedUp::class === $class ) {
			$this->rename( $code, (string) $message, $error );
			return;
		}
		if ( ! $this->open ) {
			return;
		}
		$top = end( $this->open );
		if ( null !== $top->wordpress_builder && CallStack::now()->wordpress_builder() === $top->wordpress_builder ) {
			array_pop( $this->open );
			$this->release( $top );
		}
	}

	/**
	 * Releases what is still open when PHP ends, also after a fatal error.
	 */
	public function release_all(): void {
		while ( $this->open ) {
			$this->release( array_pop( $this->open ) );
		}
	}

	/**
	 * Notes a plugin that calls a provider outside of any metered prompt.
	 *
	 * @param mixed                $answer    The answer so far; returned unchanged.
	 * @param array<string, mixed> $arguments Not used.
	 * @param string               $url       The address.
	 * @return mixed
	 */
	public function notice_direct_call( $answer, $arguments, $url ) {
		if ( ! $this->open && in_array( wp_parse_url( (string) $url, PHP_URL_HOST ), self::PROVIDERS, true ) ) {
			( new Callers() )->note( CallStack::now()->plugin(), Callers::DIRECT );
		}
		return $answer;
	}

	private function settle( object $event ): void {
		$found = null;
		foreach ( array_reverse( $this->open, true ) as $position => $prompt ) {
			if ( $prompt->matches( $event ) ) {
				$found = $position;
				break;
			}
		}
		if ( null === $found ) {
			return;
		}
		while ( count( $this->open ) > $found + 1 ) {
			$this->release( array_pop( $this->open ) );
		}
		$this->services->ai_meter()->capture( array_pop( $this->open ), $event );
	}

	private function release_ended( CallStack $stack ): void {
		foreach ( array_reverse( $this->open, true ) as $position => $prompt ) {
			if ( null !== $prompt->sdk_builder && ! $stack->runs( $prompt->sdk_builder ) ) {
				unset( $this->open[ $position ] );
				$this->release( $prompt );
			}
		}
		$this->open = array_values( $this->open );
	}

	private function release( OpenPrompt $prompt ): void {
		try {
			$this->services->ai_meter()->release( $prompt );
		} catch ( Throwable $error ) {
			$this->report( $error );
		}
	}

	/**
	 * @param string|int $code Code of the error.
	 */
	private function rename( $code, string $message, WP_Error $error ): void {
		$error->remove( $code );
		$error->add(
			'token_bridge_tokens_used_up',
			$message,
			[
				'status'  => 402,
				'buy_url' => $this->purchase_url,
			]
		);
	}

	private function report( Throwable $error ): void {
		do_action( 'token_bridge_ai_fault', $error );
		error_log( 'Token Bridge: ' . $error->getMessage() ); // phpcs:ignore -- the owner finds it in the log of PHP.
	}
}
