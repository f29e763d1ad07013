<?php
/**
 * Whether AI features are metered.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Ai;

use TokenBridge\Connection\CheckResult;

defined( 'ABSPATH' ) || exit;

/**
 * Checks that WordPress's own AI client runs, and lists plugins that do not use it.
 */
final class Health {

	/**
	 * @return CheckResult[]
	 */
	public function run(): array {
		if ( ! class_exists( 'WP_AI_Client_Prompt_Builder' ) ) {
			return [ new CheckResult( 'ai_client', CheckResult::WARNING, __( 'This WordPress has no AI client; it comes with WordPress 7.0. Plugins can still call the functions of Token Bridge.', 'token-bridge' ) ) ];
		}
		return array_merge( [ $this->source(), $this->hooks() ], $this->direct_callers() );
	}

	private function source(): CheckResult {
		$file = (string) ( new \ReflectionClass( 'WordPress\AiClient\AiClient' ) )->getFileName();
		if ( 0 === strpos( wp_normalize_path( $file ), wp_normalize_path( ABSPATH . WPINC ) ) ) {
			return new CheckResult( 'ai_client', CheckResult::OK, __( 'The AI client of WordPress itself is used.', 'token-bridge' ) );
		}
		/* translators: %s: file */
		return new CheckResult( 'ai_client', CheckResult::FAILED, sprintf( __( 'A plugin brings its own copy of the AI client, which may not be metered: %s', 'token-bridge' ), $file ) );
	}

	private function hooks(): CheckResult {
		if ( has_action( 'wp_ai_client_before_generate_result' ) && has_action( 'wp_ai_client_after_generate_result' ) ) {
			return new CheckResult( 'ai_hooks', CheckResult::OK, __( 'Every prompt through the AI client is metered.', 'token-bridge' ) );
		}
		return new CheckResult( 'ai_hooks', CheckResult::WARNING, __( 'Prompts are not metered. Switch metering on and save.', 'token-bridge' ) );
	}

	/**
	 * @return CheckResult[]
	 */
	private function direct_callers(): array {
		$found = [];
		foreach ( array_keys( ( new Callers() )->all(), Callers::DIRECT, true ) as $plugin ) {
			/* translators: %s: plugin */
			$sentence = __( '%s calls an AI provider without the AI client, so its use is not metered. Its developer can call the functions of Token Bridge.', 'token-bridge' );
			$found[]  = new CheckResult( 'ai_direct', CheckResult::WARNING, sprintf( $sentence, $plugin ) );
		}
		return $found;
	}
}
